import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Random } from '../../common/random.ts';
import { projectRoot } from '../../common/root.ts';
import { OneProcess } from '../../test/support/one-process.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { makeTinyHome } from '../../test/support/tiny-home.ts';
import { findGhz } from './ghz.ts';
import { drawnData, readScenario, scenarioNames } from './scenario.ts';

const TIMEOUT_MS = 120_000;
const absent = findGhz() === undefined;

/** Runs the program from the sources. */
function load(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string }> {
  const all = ['--import', 'tsx', join(projectRoot, 'deploy/ghz/load.ts'), ...args];
  return promisify(execFile)(process.execPath, all, {
    cwd: projectRoot,
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
}

test('every scenario calls a method of the front door, and has a duration and data', async () => {
  for (const name of scenarioNames()) {
    const { call, duration, data } = await readScenario(name);
    expect(call, name).toMatch(/^millrace\.orchestrator\.v1\.OrchestratorService\/\w+$/);
    expect(duration, name).toMatch(/^\d+s$/);
    expect(JSON.stringify(data), name).toContain('"user_id"');
  }
});

test('users and items are drawn from the world wherever they stand, and nothing else changes', () => {
  const world = { users: ['u1', 'u2', 'u3'], items: ['i1', 'i2'] };
  const request = { limit: 7, events: [{ event_id: '{{newUUID}}', user_id: 'x', item_id: 'y' }] };
  const drawn = drawnData(request, world, 200, new Random(1)) as (typeof request)[];
  expect(drawn).toHaveLength(200);
  expect(new Set(drawn.map(({ events: [{ user_id }] }) => user_id))).toEqual(new Set(world.users));
  expect(new Set(drawn.map(({ events: [{ item_id }] }) => item_id))).toEqual(new Set(world.items));
  for (const { limit, events } of drawn) expect([limit, events[0].event_id]).toEqual([7, '{{newUUID}}']);
  expect(drawnData(request, world, 200, new Random(1))).toEqual(drawn);
});

test('without ghz it says how to get it and ends with 1', { timeout: TIMEOUT_MS }, async () => {
  const env = { PATH: '/usr/bin-nowhere', HOME: '/nowhere', GOPATH: '/nowhere', GOBIN: '' };
  await expect(load(['--address', '127.0.0.1:1'], env)).rejects.toMatchObject({
    code: 1,
    stderr: 'load: ghz is not on the PATH. Get it with: go install github.com/bojand/ghz/cmd/ghz@latest\n',
  });
});

describe.skipIf(absent)(`with ghz${absent ? ' (skipped: it is not on the PATH)' : ''}`, () => {
  test('it drives a front door through reflection without a failed call, and keeps a summary', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using folder = await temporaryHome();
    await makeTinyHome(folder.home);
    await using one = await OneProcess.start(folder.home, { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '2000' });
    const json = join(folder.home, 'summary.json');
    const args = ['recommend', 'record-feedback', '-z', '1s', '--address', one.address, '--json', json];
    const { stdout } = await load(args, { MILLRACE_HOME: folder.home });
    expect(stdout).toMatch(
      /^scenario +calls +failed +calls\/s +p50 ms +p95 ms +p99 ms +slowest ms\nrecommend +\d+ +0 /m,
    );
    const { address, results } = JSON.parse(await readFile(json, 'utf8'));
    expect(address).toBe(one.address);
    for (const { calls, failed, p50Ms, p99Ms, codes } of results) {
      expect([failed, codes]).toEqual([0, { OK: calls }]);
      expect(p50Ms).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
    }
  });
});
