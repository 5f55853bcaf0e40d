import { describe, expect, test } from 'vitest';
import type { LogRecord, RecordLog } from '../../../common/log/record-log.ts';

/** An engine under test: `open` opens the same log each time until `fresh` makes another. */
export interface EngineTarget {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly absent?: string | undefined;
  fresh(): Promise<{ open(): Promise<RecordLog> } & AsyncDisposable>;
}

function record(id: string, text = id): LogRecord {
  return { id, key: `user-${id.length}`, payload: Buffer.from(text) };
}

/** What every engine of the log does. */
export function recordLogSuite({ name, absent, fresh }: EngineTarget): void {
  const texts = (payloads: readonly Uint8Array[]): string[] =>
    payloads.map((payload) => Buffer.from(payload).toString());

  describe.skipIf(absent !== undefined)(
    `${name}${absent === undefined ? '' : ` (skipped: ${absent})`}`,
    () => {
      test('offsets begin at 0 and follow each other; what was appended reads back from any offset', async () => {
        await using target = await fresh();
        await using log = await target.open();
        expect([log.firstOffset, log.endOffset]).toEqual([0, 0]);
        expect((await log.read(0)).payloads).toEqual([]);
        const ids = Array.from({ length: 2_500 }, (_, i) => `r${i}`);
        const places = await log.append(ids.map((id) => record(id)));
        expect(places).toEqual(ids.map((_, offset) => ({ offset, duplicate: false })));
        expect(log.endOffset).toBe(2_500);
        for (const from of [0, 1, 1_023, 2_499]) {
          const { offset, payloads } = await log.read(from, { recordsMax: 700 });
          expect(offset).toBe(from);
          expect(texts(payloads)).toEqual(ids.slice(from, from + 700));
        }
        const got: string[] = [];
        while (got.length < ids.length) got.push(...texts((await log.read(got.length)).payloads));
        expect(got).toEqual(ids);
        expect((await log.read(2_500)).payloads).toEqual([]);
      });

      test('concurrent appends have places of their own', async () => {
        await using target = await fresh();
        await using log = await target.open();
        const groups = Array.from({ length: 20 }, (_, g) =>
          Array.from({ length: 1 + (g % 4) }, (_, i) => record(`${g}-${i}`)),
        );
        const places = await Promise.all(groups.map((group) => log.append(group)));
        const { payloads } = await log.read(0);
        for (const [g, group] of groups.entries())
          for (const [i, { id }] of group.entries())
            expect(Buffer.from(payloads[places[g][i].offset]).toString()).toBe(id);
        expect(payloads.length).toBe(groups.flat().length);
      });

      test('an offset beyond the end is refused', async () => {
        await using target = await fresh();
        await using log = await target.open();
        await log.append([record('a')]);
        await expect(log.read(2)).rejects.toMatchObject({ name: 'OffsetBeyondEndError', endOffset: 1 });
        await expect(log.read(-1)).rejects.toThrow(RangeError);
      });

      test('a follower gets what is there and then what comes, and ends on its signal', async () => {
        await using target = await fresh();
        await using log = await target.open();
        await log.append([record('a'), record('b')]);
        const stopping = new AbortController();
        const got: string[] = [];
        const following = (async () => {
          for await (const { payloads } of log.follow(1, { signal: stopping.signal }))
            got.push(...texts(payloads));
        })();
        await expect.poll(() => got).toEqual(['b']);
        await log.append([record('c')]);
        await log.append([record('d')]);
        await expect.poll(() => got).toEqual(['b', 'c', 'd']);
        stopping.abort();
        await following;
      });

      test('followers beside several writers miss nothing', async () => {
        await using target = await fresh();
        await using log = await target.open();
        const [writers, each] = [4, 1_500];
        const follow = async (): Promise<string[]> => {
          const got: string[] = [];
          for await (const { payloads } of log.follow(0))
            if (got.push(...texts(payloads)) >= writers * each) break;
          return got;
        };
        const following = [follow(), follow(), follow()];
        const written = new Map<number, string>();
        const write = async (writer: number): Promise<void> => {
          for (let i = 0; i < each; i++) {
            const id = `${writer}-${i}`;
            const [{ offset }] = await log.append([record(id)]);
            written.set(offset, id);
          }
        };
        await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
        const expected = Array.from({ length: writers * each }, (_, offset) => written.get(offset));
        for (const got of await Promise.all(following)) expect(got).toEqual(expected);
      });

      test('it goes on where it was after being closed', async () => {
        await using target = await fresh();
        {
          await using log = await target.open();
          await log.append([record('a'), record('b')]);
        }
        await using log = await target.open();
        expect(log.endOffset).toBe(2);
        expect((await log.append([record('c')]))[0].offset).toBe(2);
        expect(texts((await log.read(0)).payloads)).toEqual(['a', 'b', 'c']);
        await log.close();
        await expect(log.append([record('d')])).rejects.toMatchObject({ name: 'LogClosedError' });
      });

      test('an import is taken in its order', async () => {
        await using target = await fresh();
        await using log = await target.open();
        await log.append([record('a')]);
        const ids = Array.from({ length: 3_000 }, (_, i) => `i${i}`);
        expect(await log.importAll(ids.map((id) => record(id)))).toBe(1);
        expect(texts((await log.read(2_990)).payloads)).toEqual(ids.slice(2_989));
        expect(await log.importAll([])).toBe(3_001);
      });

      test('erased records read as empty payloads at their offsets, also at the end, and all others are as they were', async () => {
        await using target = await fresh();
        const ids = Array.from({ length: 400 }, (_, i) => `r${i}`.padEnd(1 + (i % 97), '.'));
        const erased = [0, 1, 63, 64, 200, 201, 202, 399];
        const expected = ids.map((id, offset) => (erased.includes(offset) ? '' : id));
        {
          await using log = await target.open();
          for (let i = 0; i < ids.length; i += 50)
            await log.append(ids.slice(i, i + 50).map((id) => record(id)));
          await log.read(0);
          await log.erase(erased);
          expect(texts((await log.read(0)).payloads)).toEqual(expected);
          expect(texts((await log.read(399)).payloads)).toEqual(['']);
          await log.erase(erased);
          expect((await log.append([record('after')]))[0].offset).toBe(400);
        }
        await using log = await target.open();
        expect(texts((await log.read(0)).payloads)).toEqual([...expected, 'after']);
        await log.erase([400]);
        expect(texts((await log.read(395)).payloads)).toEqual([...expected.slice(395), '']);
        expect(log.endOffset).toBe(401);
      });

      test('retention deletes the oldest, never what a consumer has not committed; below it reads are refused', async () => {
        await using target = await fresh();
        await using log = await target.open();
        for (let i = 0; i < 60; i++) await log.append([record(`r${i}`, `${i}`.padEnd(1_000))]);
        expect(await log.retain({ keepFrom: 60 })).toBe(0);
        expect(await log.retain({ keepFrom: 0, bytesMax: 1 })).toBe(0);
        const first = await log.retain({ keepFrom: 30, bytesMax: 10_000 });
        expect(first).toBeGreaterThan(20);
        expect(first).toBeLessThanOrEqual(30);
        expect(log.firstOffset).toBe(first);
        await expect(log.read(first - 1)).rejects.toMatchObject({ name: 'OffsetTruncatedError' });
        expect(texts((await log.read(first, { recordsMax: 1 })).payloads)).toEqual([
          `${first}`.padEnd(1_000),
        ]);
        expect(await log.retain({ keepFrom: 60, ageMsMax: 3_600_000 })).toBe(first);
        expect(await log.retain({ keepFrom: 60, ageMsMax: -1 })).toBeGreaterThan(50);
        expect(log.endOffset).toBe(60);
      });
    },
  );
}
