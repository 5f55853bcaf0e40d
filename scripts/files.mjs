// Plain JavaScript: runs before any dependency is there.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Files at or below each of `paths` (relative to `root`; absent ones are skipped), sorted, relative to `root`. */
export function filesUnder(root, paths) {
  const found = [];
  const visit = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (!statSync(full).isDirectory()) {
      found.push(path);
      return;
    }
    for (const name of readdirSync(full)) visit(join(path, name));
  };
  for (const path of paths) visit(path);
  return found.sort();
}

/** SHA-256, in hex, over names and contents of `files` (relative to `root`); an absent file counts as empty. */
export function hashFiles(root, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const full = join(root, file);
    const content = existsSync(full) ? readFileSync(full) : Buffer.alloc(0);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** The content of `file`, or an empty string where it is absent. */
export function readOr(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Writes `content` so that a reader sees the old file or the new one, never a part. */
export function writeAtomically(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}
