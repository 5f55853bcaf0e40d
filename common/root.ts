import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of Millrace's package.json, wherever this code runs from: the sources or `dist/`. */
export const projectRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Millrace's version, from package.json. */
export const projectVersion: string = JSON.parse(
  readFileSync(join(projectRoot, 'package.json'), 'utf8'),
).version;

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json of Millrace not found above the code');
  return findRoot(parent);
}
