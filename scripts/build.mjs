// Plain JavaScript: runs before any dependency is there (esbuild is imported once it is).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Failure } from './failure.mjs';
import { filesUnder, hashFiles, readOr, writeAtomically } from './files.mjs';

/** Programs, each bundled to `dist/<name>.js`. */
const ENTRY_POINTS = {
  cli: 'services/cli/main.ts',
  verify: 'test/verify/main.ts',
  bench: 'test/bench/main.ts',
  load: 'deploy/ghz/load.ts',
};
const SOURCES = ['common', 'services', 'deploy', 'test'];
const STAMP = 'dist/.stamp';

function sourceFiles(root) {
  return filesUnder(root, SOURCES).filter((file) => !file.endsWith('.test.ts'));
}

function inputsHash(root) {
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build.mjs', 'gen/.stamp'];
  return hashFiles(root, [...sourceFiles(root), ...settings]);
}

/** Name in dist/ → source: the programs, and `x.worker.ts` anywhere as `dist/x.worker.js`. */
function entryPoints(root) {
  const entries = {};
  for (const [name, file] of Object.entries(ENTRY_POINTS)) {
    if (existsSync(join(root, file))) entries[name] = file;
  }
  for (const file of sourceFiles(root)) {
    if (!file.endsWith('.worker.ts')) continue;
    const name = basename(file, '.ts');
    if (entries[name] !== undefined)
      throw new Failure(`two workers are called ${name}: ${entries[name]}, ${file}`);
    entries[name] = file;
  }
  return entries;
}

async function bundle(root, entries) {
  const { build: esbuild } = await import('esbuild');
  const options = {
    absWorkingDir: root,
    entryPoints: entries,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    chunkNames: '[name]-[hash]',
    logLevel: 'error',
    write: false,
  };
  try {
    return (await esbuild(options)).outputFiles;
  } catch (error) {
    throw new Failure(`build failed: ${error.message}`);
  }
}

/** True where dist/ was made from the sources as they are. */
export function isBuilt(root) {
  return readOr(join(root, STAMP)) === inputsHash(root);
}

/** Makes dist/ anew: chunks first and programs last, each file whole, then drops what is no longer made. */
export async function build(root, say) {
  const hash = inputsHash(root);
  const entries = entryPoints(root);
  const done = say('building dist/');
  const files = await bundle(root, entries);
  const isProgram = (path) => entries[basename(path, '.js')] !== undefined;
  files.sort((a, b) => Number(isProgram(a.path)) - Number(isProgram(b.path)));
  for (const { path, contents } of files) {
    if (!existsSync(path) || !readFileSync(path).equals(contents)) writeAtomically(path, contents);
  }
  const made = new Set(files.map(({ path }) => relative(root, path)));
  for (const file of filesUnder(root, ['dist'])) {
    if (!made.has(file)) rmSync(join(root, file), { force: true });
  }
  writeAtomically(join(root, STAMP), hash);
  done();
}
