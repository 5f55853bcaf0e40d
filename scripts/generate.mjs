// Plain JavaScript: runs before any dependency is there.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from './failure.mjs';
import { filesUnder, hashFiles, readOr } from './files.mjs';
import { run } from './run.mjs';

const STAMP = '.stamp';

function inputsHash(root) {
  const inputs = filesUnder(root, ['proto', 'buf.yaml', 'buf.gen.yaml', 'package-lock.json']);
  return hashFiles(root, [...inputs, 'scripts/generate.mjs']);
}

async function buf(root, args) {
  const programs = join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH ?? ''}` };
  const { code, output } = await run(join(programs, 'buf'), args, { cwd: root, env });
  if (code !== 0) throw new Failure(`buf ${args[0]} failed (exit ${code}):\n${output.trimEnd()}`);
}

/** True where gen/ was made from the protos as they are. */
export function isGenerated(root) {
  return readOr(join(root, 'gen', STAMP)) === inputsHash(root);
}

/**
 * Makes gen/ anew: TypeScript of every proto by buf.gen.yaml, and `gen/descriptors.binpb`, the FileDescriptorSet for
 * server reflection. The folder is filled aside and swapped in whole. Throws Failure with buf's words.
 */
export async function generate(root, say) {
  const hash = inputsHash(root);
  const done = say('generating code from proto/');
  const aside = join(root, 'dist', `.generate-${process.pid}`);
  const fresh = join(aside, 'gen');
  mkdirSync(fresh, { recursive: true });
  try {
    await buf(root, ['generate', '--output', aside]);
    await buf(root, ['build', '--as-file-descriptor-set', '--output', join(fresh, 'descriptors.binpb')]);
    writeFileSync(join(fresh, STAMP), hash);
    const old = join(root, 'gen');
    if (existsSync(old)) renameSync(old, join(aside, 'old'));
    renameSync(fresh, old);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  done();
}
