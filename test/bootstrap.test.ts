import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../common/root.ts';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROTO = `syntax = "proto3";
package toy.v1;
message Toy { string name = 1; }
`;

let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Runs a script where the PATH holds Node alone, so that it can install nothing. */
function node(script: string): Promise<Outcome> {
  const env = { PATH: join(root, 'path') };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, script)], { cwd: root, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-bootstrap-test-'));
  for (const path of ['scripts', 'bin', 'package.json', 'package-lock.json', 'buf.yaml', 'buf.gen.yaml']) {
    cpSync(join(projectRoot, path), join(root, path), { recursive: true });
  }
  write('proto/toy/v1/toy.proto', PROTO);
  write(
    'services/cli/main.ts',
    "import type { Toy } from '../../gen/toy/v1/toy.ts';\nconst toy: Toy = { name: 'one' };\nconsole.log(toy.name);\n",
  );
  mkdirSync(join(root, 'path'));
  symlinkSync(process.execPath, join(root, 'path/node'));
  write('common/a.worker.ts', 'export const x = 1;\n');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the bootstrap', () => {
  beforeEach(() => symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules')));

  it('generates and builds once, then is quiet until something changes', async () => {
    expect(await node('scripts/bootstrap.mjs')).toMatchObject({ code: 0 });
    expect(existsSync(join(root, 'gen/toy/v1/toy.ts'))).toBe(true);
    expect(readFileSync(join(root, 'gen/descriptors.binpb')).includes('toy.v1')).toBe(true);
    expect(existsSync(join(root, 'dist/a.worker.js'))).toBe(true);
    expect((await node('dist/cli.js')).stdout).toBe('one\n');

    expect(await node('scripts/bootstrap.mjs')).toEqual({ code: 0, stdout: '', stderr: '' });

    write('services/cli/main.ts', "console.log('two');\n");
    rmSync(join(root, 'common/a.worker.ts'));
    const rebuilt = await node('scripts/bootstrap.mjs');
    expect(rebuilt.stderr).toContain('building');
    expect(rebuilt.stderr).not.toContain('generating');
    expect(existsSync(join(root, 'dist/a.worker.js'))).toBe(false);
    expect((await node('dist/cli.js')).stdout).toBe('two\n');

    write('proto/toy/v1/toy.proto', PROTO.replace('name', 'label'));
    expect((await node('scripts/bootstrap.mjs')).stderr).toContain('generating');
    expect(readFileSync(join(root, 'gen/toy/v1/toy.ts'), 'utf8')).toContain('label');
  });

  it('runs once where several start together', async () => {
    const outcomes = await Promise.all([1, 2, 3].map(() => node('scripts/bootstrap.mjs')));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(outcomes.filter(({ stderr }) => stderr.includes('generating'))).toHaveLength(1);
    expect((await node('dist/cli.js')).stdout).toBe('one\n');
  });

  it('is run by the command where nothing is built yet', async () => {
    expect(await node('bin/millrace.mjs')).toMatchObject({ code: 0, stdout: 'one\n' });
  });

  it('keeps what was built and says why where a proto or a source is wrong', async () => {
    await node('scripts/bootstrap.mjs');
    write('services/cli/main.ts', "import './absent.ts';\n");
    const unbuilt = await node('scripts/bootstrap.mjs');
    expect(unbuilt.code).toBe(1);
    expect(unbuilt.stderr).toContain('absent.ts');
    write('proto/toy/v1/toy.proto', 'message {');
    const ungenerated = await node('scripts/bootstrap.mjs');
    expect(ungenerated.code).toBe(1);
    expect(ungenerated.stderr).toContain('toy.proto:1');
    expect((await node('dist/cli.js')).stdout).toBe('one\n');
  });
});

describe('installation', () => {
  it.skipIf(process.platform === 'win32')('names the tools that are missing', async () => {
    const outcome = await node('scripts/bootstrap.mjs');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('Missing: g++, make, python3');
    expect(existsSync(join(root, 'node_modules'))).toBe(false);
  });
});
