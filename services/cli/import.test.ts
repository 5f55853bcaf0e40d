import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pause } from '../../common/clock.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { runCli, startCli } from '../../test/support/cli.ts';
import { writeParquet } from '../../test/support/parquet.ts';
import { ForgetRequests } from '../logging/forgetting/requests.ts';
import { importFiles } from './import.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli-import-'));
});
afterEach(() => rm(home, { recursive: true }));

async function file(name: string, lines: readonly string[]): Promise<string> {
  const path = join(home, name);
  await writeFile(path, lines.join('\n'));
  return path;
}

async function logLength(): Promise<number> {
  await using reader = await SegmentLog.openReadOnly(join(home, 'log'));
  return reader.endOffset;
}

describe('importFiles', () => {
  it('reports bad rows by file, line and reason, and imports the others once', async () => {
    const path = await file('e.csv', [
      'user_id,item_id,action,timestamp',
      'u,a,view,10',
      'u,b,teleport,11',
      'u,,view,12',
      'u,c,buy,13',
    ]);
    const first = await importFiles(path, { actions: 'buy=purchase' }, home);
    expect(first.report).toEqual({
      rows: 4,
      bad: 2,
      firstBad: [
        { file: path, line: 3, reason: "action: 'teleport' is not known" },
        { file: path, line: 4, reason: 'item: empty' },
      ],
    });
    expect(first.done).toMatchObject({ items: 2, interactions: 2 });
    expect(await logLength()).toBe(4);
    const { done } = await importFiles(path, { actions: 'buy=purchase' }, home);
    expect([done.imported, await logLength()]).toEqual([false, 4]);
  });

  it('fails, writing nothing, where all rows are bad, at the first bad row if strict, and on an unknown action', async () => {
    const header = 'user_id,item_id,timestamp';
    const bad = await file('bad.csv', [header, 'u,,10', 'u,a,never']);
    await expect(importFiles(bad, {}, home)).rejects.toThrow('all 2 rows are bad');
    const empty = await file('empty.csv', [header]);
    await expect(importFiles(empty, {}, home)).rejects.toThrow('no rows');
    const mixed = await file('mixed.csv', [header, 'u,a,1', 'u,,2']);
    await expect(importFiles(mixed, { strict: true }, home)).rejects.toThrow(`${mixed}:3: item: empty`);
    await expect(importFiles(mixed, { actions: 'a=b' }, home)).rejects.toThrow("'a=b' is not name=action");
    expect(await readdir(home)).not.toContain('log');
  });
});

describe('millrace import', () => {
  it('of a file whose people are all forgotten takes the items once, and then says that nothing is new but for them', async () => {
    const path = await file('e.csv', ['user_id,item_id,timestamp', 'anna,a,10', 'anna,b,11']);
    const requests = await ForgetRequests.open(home);
    await requests.add('anna', Date.now(), Date.now());
    const { done } = await importFiles(path, {}, home);
    expect(done).toMatchObject({ items: 2, users: 0, interactions: 0, forgotten: 2 });
    const { code, stdout } = await runCli(['import', path], home);
    expect([code, stdout]).toEqual([
      0,
      `nothing new: the log in ${home} holds this data set already, but for 2 of people who are forgotten\n`,
    ]);
    expect(await logLength()).toBe(2);
  });

  it('takes a lake of Parquet with other names; unknown actions and times in the far future are bad rows', async () => {
    const path = join(home, 'raw', 'day=2024-01-01');
    await mkdir(path, { recursive: true });
    await writeParquet(
      join(path, 'part-0.parquet'),
      `SELECT * FROM (VALUES ('u', 'a', 'buy', 10), ('u', 'b', 'teleport', 11), ('u', 'c', 'view', 4102444800000),
        ('u', 'd', 'view', 12)) t(uid, sku, verb, ts)`,
    );
    const map = 'user=uid,item=sku,action=verb,time=ts';
    const { done, report } = await importFiles(join(home, 'raw'), { map, actions: 'buy=purchase' }, home);
    expect([done.interactions, report.rows]).toEqual([2, 4]);
    expect(report.firstBad.map(({ line, reason }) => [line, reason])).toEqual([
      [2, "action: 'teleport' is not known"],
      [3, 'time: in the future: 2100-01-01T00:00:00.000Z'],
    ]);
    expect(await logLength()).toBe(4);
  });

  it('killed while it writes leaves nothing, and the next import takes all', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const rows = Array.from({ length: 150_000 }, (_, i) => `u${i % 1000},i${i % 777},${1_000_000 + i}`);
    const path = await file('large.csv', ['user_id,item_id,timestamp', ...rows]);
    const { child, result } = startCli(['import', path], home);
    await untilStaged(join(home, 'log'));
    child.kill('SIGKILL');
    expect((await result).code).toBe(null);
    expect(await logLength()).toBe(0);
    await importFiles(path, {}, home);
    expect(await logLength()).toBe(777 + 150_000);
    expect((await readdir(join(home, 'log'))).filter((name) => name.endsWith('.staged'))).toEqual([]);
  });

  it('ends with one line and code 1 where the log belongs to a running process', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const path = await file('one.csv', ['user_id,item_id,timestamp', 'u,a,1']);
    await using _owner = await SegmentLog.open(join(home, 'log'));
    const { code, stdout, stderr } = await runCli(['import', path], home);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^millrace: .* process ${process.pid}\n$`));
  });
});

const TIMEOUT_MS = 120_000;

/** Resolves when an import has begun to write its segment. */
async function untilStaged(folder: string): Promise<void> {
  for (;;) {
    const names = await readdir(folder).catch(() => []);
    const staged = names.find((name) => name.endsWith('.staged'));
    const size = staged === undefined ? 0 : (await stat(join(folder, staged))).size;
    if (size > 0) return;
    await pause(2);
  }
}
