// Plain JavaScript like its neighbours: it starts the tools and needs none of them itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { orExit } from './bootstrap.mjs';
import { Failure } from './failure.mjs';
import { run } from './run.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TIDY_TEST = 'test/tidy.test.ts';

const npmScript = (name) => () => run('npm', ['run', '--silent', name], { cwd: root });
const program = (name, args) => () => run(join(root, 'node_modules/.bin', name), args, { cwd: root });
const git = (args) => run('git', args, { cwd: root });

/** Gates in the order they run; each resolves to `{ code, output }`, or to `{ skipped: reason }`. */
const GATES = [
  ['types', npmScript('types')],
  ['lint', npmScript('lint')],
  ['buf lint', program('buf', ['lint'])],
  ['buf format', program('buf', ['format', '--diff', '--exit-code'])],
  ['buf breaking', breaking],
];
const TEST_GATES = [
  ['tidy', program('vitest', ['run', TIDY_TEST])],
  ['tests', program('vitest', ['run', '--exclude', TIDY_TEST])],
];

/** The contracts against those on main: origin's where there is one, else the local branch. */
async function breaking() {
  let base;
  for (const ref of ['refs/remotes/origin/main', 'refs/heads/main']) {
    if (base === undefined && (await git(['cat-file', '-e', `${ref}:buf.yaml`])).code === 0) base = ref;
  }
  if (base === undefined) return { skipped: 'no contracts on main yet' };
  const folder = mkdtempSync(join(tmpdir(), 'millrace-breaking-'));
  try {
    const against = join(folder, 'main.tar');
    const archived = await git(['archive', '--output', against, base, 'buf.yaml', 'proto']);
    if (archived.code !== 0) return archived;
    return await program('buf', ['breaking', '--against', against])();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function check() {
  const gates = process.argv.includes('--no-tests') ? GATES : [...GATES, ...TEST_GATES];
  for (const [name, gate] of gates) {
    const startMs = Date.now();
    const { code, output, skipped } = await gate();
    const verdict = skipped === undefined ? (code === 0 ? 'ok' : 'FAILED') : `skipped: ${skipped}`;
    console.log(`${name.padEnd(14)}${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${verdict}`);
    if (skipped === undefined && code !== 0) throw new Failure(`gate "${name}" failed:\n${output.trimEnd()}`);
  }
}

await orExit(check);
