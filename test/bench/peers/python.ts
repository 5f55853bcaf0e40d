import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../../common/root.ts';

/** A Python package that a peer is measured by. */
export interface PythonPackage {
  readonly name: string;
  readonly version: string;
}

/** Why `python` cannot run the package at its version, or undefined where it can. */
export function missing(python: string, { name, version }: PythonPackage): string | undefined {
  const asked = `import importlib.metadata as m; print(m.version('${name}'))`;
  const { stdout, error } = spawnSync(python, ['-c', asked], { encoding: 'utf8' });
  if (error !== undefined) return `${python} does not start: ${error.message}`;
  if (stdout.trim() === version) return undefined;
  return `${python} has no ${name} ${version} (${python} -m pip install ${name}==${version}; --python PATH takes another)`;
}

/** Runs `test/bench/peers/<script>` with `args` and reads the JSON of its last line. Throws with what it printed where it fails. */
export function runScript(python: string, script: string, args: readonly string[]): Record<string, number> {
  const path = join(projectRoot, 'test/bench/peers', script);
  // One thread a library call: the peers run their own threads.
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
  const { status, stdout, stderr } = spawnSync(python, [path, ...args], { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${script} ended with ${status}:\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

/** Gives `exchange` a new folder, for files to and from a script, and removes it afterwards. */
export function inFolder<T>(exchange: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peer-'));
  try {
    return exchange(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file of float32 values. */
export function readFloats(path: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(path)).buffer);
}
