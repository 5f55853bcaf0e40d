import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const START_TIMEOUT_MS = 120_000;
vi.setConfig({ testTimeout: 120_000 });

let folder: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => {
  folder = await temporaryHome();
  await makeTinyHome(folder.home);
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('millrace ask', () => {
  let one: OneProcess;
  beforeAll(async () => {
    one = await OneProcess.start(folder.home, { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000' });
  }, START_TIMEOUT_MS);
  afterAll(() => one?.[Symbol.asyncDispose]());

  const ask = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(['ask', ...args, '--address', one.address], folder.home);

  test('prints items with titles, scores and the sources that found them', async () => {
    const { code, stdout, stderr } = await ask('user-3', '--limit', '4');
    expect([code, stderr]).toEqual([0, '']);
    const [titles, ...lines] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(/^#\s+title\s+year\s+category\s+score\s+found by\s+id$/);
    expect(lines.slice(0, -1)).toHaveLength(4);
    for (const line of lines.slice(0, -1))
      expect(line).toMatch(/^\d\s+The \w+ and the \w+\s.+\s(ials|popularity).*item-\d+$/);
    expect(lines.at(-1)).toMatch(/^request [0-9a-f]{32}, bundle tiny-1$/);
  });

  test('explains with ranks in the sources and what became of the candidates', async () => {
    const { stdout } = await ask('nobody-yet', '--limit', '2', '--explain');
    expect(stdout).toMatch(/popularity \d+/);
    expect(stdout).toContain('candidates: shown 2 · not selected ');
  });

  test('prints similar items, none of them the item itself', async () => {
    const { stdout } = await ask('user-3', '--similar', 'item-5', '--limit', '3', '--json');
    const ids = JSON.parse(stdout).items.map(({ itemId }: { itemId: string }) => itemId);
    expect(ids).toHaveLength(3);
    expect(ids).not.toContain('item-5');
  });

  test.for([
    [['user-3', '--similar', 'item-nowhere'], 'millrace: item_id: is not in the catalogue\n'],
    [['user-3', '--limit', '0'], 'millrace: limit: 0 is not in [1, 500]\n'],
    [['user-3', '--explain', '--similar', 'item-1'], 'millrace: --explain does not go with --similar\n'],
  ] as const)('%j ends with 1 and one line', async ([args, said]) => {
    const { code, stdout, stderr } = await ask(...args);
    expect([code, stdout, stderr]).toEqual([1, '', said]);
  });
});

describe('millrace bundles', () => {
  test('lists what is published and says what is live', async () => {
    const { code, stdout } = await runCli(['bundles', 'list'], folder.home);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^version +role +size +ndcg@10 +parent\ntiny-1 +champion +[\d.]+ [KM]iB/);
    const { stdout: shown } = await runCli(['bundles', 'show', 'champion'], folder.home);
    for (const part of ['catalogue', 'ials', 'bm25', 'ranker', 'fallback']) expect(shown).toContain(part);
  });

  test('promotes no bundle that is unknown or damaged', async () => {
    const unknown = await runCli(['bundles', 'promote', 'nope'], folder.home);
    expect([unknown.code, unknown.stderr]).toEqual([1, 'millrace: bundle nope is not published\n']);
    const parts = join(folder.home, 'bundles', 'parts');
    const [part] = await readdir(parts);
    await writeFile(join(parts, part), 'damage');
    const damaged = await runCli(['bundles', 'promote', 'tiny-1'], folder.home);
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(/^millrace: bundle tiny-1: part [\w-]+ is not what the manifest says\n$/);
  });
});

test('a reader that has seen enough ends a command quietly', async () => {
  await using empty = await temporaryHome();
  const { child, result } = startCli(['features', 'list'], empty.home);
  result.catch(() => {});
  child.stdout?.destroy();
  expect((await once(child, 'close'))[0]).toBe(0);
});

test('without a command or with an unknown one it ends with 1 and shows help', async () => {
  const { code, stderr } = await runCli(['frobnicate'], folder.home);
  expect(code).toBe(1);
  expect(stderr).toContain("unknown command 'frobnicate'");
});
