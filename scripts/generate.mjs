// Plain JavaScript: runs before any dependency is there.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { Failure } from './failure.mjs';
import { filesUnder, hashFiles, readOr } from './files.mjs';
import { run } from './run.mjs';

const STAMP = '.stamp';
const KERNELS = 'common/kernels';
const KERNELS_ENTRY = `${KERNELS}/index.as.ts`;

/** A module with an imported shared memory and no runtime: kernels take pointers and allocate nothing. */
const ASC_OPTIONS = [
  ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'threads'],
  ...[
    '--importMemory',
    '--noExportMemory',
    '--sharedMemory',
    '--initialMemory',
    '1',
    '--maximumMemory',
    '65536',
  ],
];

function inputsHash(root) {
  const inputs = filesUnder(root, ['proto', 'buf.yaml', 'buf.gen.yaml', 'package-lock.json', KERNELS]);
  const read = inputs.filter((file) => !file.startsWith(KERNELS) || file.endsWith('.as.ts'));
  return hashFiles(root, [...read, 'scripts/generate.mjs']);
}

async function buf(root, args) {
  const programs = join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${programs}${delimiter}${process.env.PATH ?? ''}` };
  const { code, output } = await run(join(programs, 'buf'), args, { cwd: root, env });
  if (code !== 0) throw new Failure(`buf ${args[0]} failed (exit ${code}):\n${output.trimEnd()}`);
}

/** Compiles the AssemblyScript kernels to `kernels.ts`, which exports the module in base64. */
async function kernels(root, into) {
  const { default: asc } = await import('assemblyscript/asc');
  const wasm = join(into, 'kernels.wasm');
  const args = [KERNELS_ENTRY, '--baseDir', root, '--outFile', relative(root, wasm), ...ASC_OPTIONS];
  const { error, stderr } = await asc.main(args);
  if (error) throw new Failure(`asc failed: ${error.message}\n${stderr.toString().trimEnd()}`);
  const text = readFileSync(wasm).toString('base64');
  writeFileSync(join(into, 'kernels.ts'), `export const kernelsBase64: string =\n  '${text}';\n`);
  rmSync(wasm);
}

/** True where gen/ was made from the protos and kernels as they are. */
export function isGenerated(root) {
  return readOr(join(root, 'gen', STAMP)) === inputsHash(root);
}

/**
 * Makes gen/ anew: TypeScript of every proto by buf.gen.yaml, `gen/descriptors.binpb`, the FileDescriptorSet for server
 * reflection, and `gen/kernels.ts` where there are kernels. The folder is filled aside and swapped in whole. Throws Failure
 * with the tool's words.
 */
export async function generate(root, say) {
  const hash = inputsHash(root);
  const done = say('generating code from proto/ and kernels');
  const aside = join(root, 'dist', `.generate-${process.pid}`);
  const fresh = join(aside, 'gen');
  mkdirSync(fresh, { recursive: true });
  try {
    await buf(root, ['generate', '--output', aside]);
    await buf(root, ['build', '--as-file-descriptor-set', '--output', join(fresh, 'descriptors.binpb')]);
    if (existsSync(join(root, KERNELS_ENTRY))) await kernels(root, fresh);
    writeFileSync(join(fresh, STAMP), hash);
    const old = join(root, 'gen');
    if (existsSync(old)) renameSync(old, join(aside, 'old'));
    renameSync(fresh, old);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  done();
}
