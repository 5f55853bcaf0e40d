import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogClosedError, LogOverloadedError, OffsetBeyondEndError, OffsetTruncatedError } from './errors.ts';
import { idOf, payloadOf } from './fixtures/payload.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES_MAX } from './frame.ts';
import type { LogReader, RecordBatch } from './log-reader.ts';
import { SegmentLog } from './segment-log.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'segment-log-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function payloads(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => payloadOf(from + i));
}

async function readAll(log: SegmentLog | LogReader, recordsMax = 1000): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let offset = log.firstOffset; offset < log.endOffset; ) {
    const batch = await log.read(offset, { recordsMax });
    expect(batch.offset).toBe(offset);
    all.push(...batch.payloads);
    offset += batch.payloads.length;
  }
  return all;
}

function same(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): boolean {
  return got.length === wanted.length && got.every((each, i) => Buffer.compare(each, wanted[i]) === 0);
}

test('what was appended is read back, before and after reopening, over many segments', async () => {
  const records = [...payloads(0, 3000), new Uint8Array(0), new Uint8Array(400_000).fill(7)];
  {
    await using log = await SegmentLog.open(dir, { segmentBytesMax: 100_000 });
    for (let at = 0; at < records.length; at += 100) {
      expect(await log.append(records.slice(at, at + 100))).toBe(at);
    }
    expect(same(await readAll(log), records)).toBe(true);
  }
  expect((await readdir(dir)).length).toBeGreaterThan(5);
  await using log = await SegmentLog.open(dir, { segmentBytesMax: 100_000 });
  expect(log.recovered).toEqual({ recordsCut: 0, bytesCut: 0 });
  expect(log.endOffset).toBe(records.length);
  expect(same(await readAll(log, 77), records)).toBe(true);
  expect(await log.append([payloadOf(9)])).toBe(records.length);
  await using offline = await SegmentLog.openReadOnly(dir);
  expect((await readAll(offline)).length).toBe(records.length + 1);
});

test('any offset can be read, within the limits of records and bytes', async () => {
  await using log = await SegmentLog.open(dir, { segmentBytesMax: 50_000 });
  for (let at = 0; at < 1000; at += 50) await log.append(payloads(at, 50));
  for (let offset = 0; offset < 1000; offset += 37) {
    const { payloads: got } = await log.read(offset, { recordsMax: 5 });
    expect(got.map(idOf)).toEqual([0, 1, 2, 3, 4].map((i) => offset + i).filter((id) => id < 1000));
    const few = await log.read(offset, { bytesMax: 1200 });
    const bytes = few.payloads.reduce((sum, payload) => sum + payload.length, 0);
    expect(bytes).toBeLessThanOrEqual(1200);
    const next = offset + few.payloads.length;
    if (next < 1000) expect(bytes + payloadOf(next).length).toBeGreaterThan(1200);
  }
  expect((await log.read(3, { bytesMax: 1 })).payloads.map(idOf)).toEqual([3]);
  expect((await log.read(1000)).payloads).toEqual([]);
  await expect(log.read(1001)).rejects.toThrow(OffsetBeyondEndError);
  await expect(log.read(-1)).rejects.toThrow(RangeError);
});

test('appends that wait together share one fsync and keep their order', async () => {
  await using log = await SegmentLog.open(dir);
  const first = log.append([payloadOf(0)]);
  await new Promise(setImmediate);
  const rest = Array.from({ length: 63 }, (_, i) => log.append([payloadOf(2 * i + 1), payloadOf(2 * i + 2)]));
  expect(await first).toBe(0);
  expect(await Promise.all(rest)).toEqual(rest.map((_, i) => 2 * i + 1));
  expect(log.commits).toBe(2);
  expect((await readAll(log)).map(idOf)).toEqual(Array.from({ length: 127 }, (_, i) => i));
});

test('a record is readable from the moment its append resolves and not before', async () => {
  await using log = await SegmentLog.open(dir);
  await log.append([payloadOf(0)]);
  const appending = log.append([payloadOf(1)]);
  expect(log.endOffset).toBe(1);
  expect((await log.read(1)).payloads).toEqual([]);
  await appending;
  expect((await log.read(1)).payloads.map(idOf)).toEqual([1]);
});

test('too much at once, too long a record and a closed log are refused', async () => {
  const log = await SegmentLog.open(dir, { pendingBytesMax: 1000 });
  const accepted = log.append([new Uint8Array(900)]);
  await expect(log.append([new Uint8Array(900)])).rejects.toThrow(LogOverloadedError);
  await accepted;
  expect(await log.append([new Uint8Array(900)])).toBe(1);
  await expect(log.append([new Uint8Array(1), new Uint8Array(RECORD_BYTES_MAX + 1)])).rejects.toThrow(
    'record 1',
  );
  const last = log.append([new Uint8Array(1)]);
  await log.close();
  expect(await last).toBe(2);
  await expect(log.append([new Uint8Array(1)])).rejects.toThrow(LogClosedError);
  await expect(log.read(0)).rejects.toThrow(LogClosedError);
});

test('followers get every record once and in order, and end on abort and on close', async () => {
  const log = await SegmentLog.open(dir, { segmentBytesMax: 20_000 });
  await log.append(payloads(0, 10));
  const abort = new AbortController();
  const aborted = collect(log, 0, abort.signal, (seen) => seen === 200 && abort.abort());
  const closed = collect(log, 5);
  for (let id = 10; id < 200; id += 10) await log.append(payloads(id, 10));
  expect(await aborted).toEqual(Array.from({ length: 200 }, (_, i) => i));
  await log.append(payloads(200, 1));
  await log.close();
  const rest = await closed;
  expect(rest).toEqual(rest.map((_, i) => 5 + i));
  expect(rest.length).toBeGreaterThanOrEqual(195);
});

async function collect(
  log: SegmentLog,
  from: number,
  signal = new AbortController().signal,
  onSeen: (count: number) => void = () => {},
): Promise<number[]> {
  const ids: number[] = [];
  for await (const batch of log.follow(from, { recordsMax: 7, signal })) {
    expect(batch.offset).toBe(from + ids.length);
    ids.push(...batch.payloads.map(idOf));
    onSeen(ids.length);
  }
  return ids;
}

test('a waiting follower wakes without further appends when it is aborted', async () => {
  await using log = await SegmentLog.open(dir);
  const abort = new AbortController();
  const iterator: AsyncIterator<RecordBatch> = log.follow(0, { signal: abort.signal });
  const next = iterator.next();
  await new Promise(setImmediate);
  abort.abort();
  expect((await next).done).toBe(true);
});

test('dropBefore deletes whole segments, and reading below what is left says so', async () => {
  {
    await using log = await SegmentLog.open(dir, { segmentBytesMax: 10_000 });
    for (let id = 0; id < 500; id += 10) await log.append(payloads(id, 10));
    const first = await log.dropBefore(300);
    expect(first).toBeGreaterThan(200);
    expect(first).toBeLessThanOrEqual(300);
    await expect(log.read(first - 1)).rejects.toThrow(OffsetTruncatedError);
    await expect(log.follow(0).next()).rejects.toMatchObject({ offset: 0, firstOffset: first });
    expect((await log.read(first)).payloads.map(idOf)[0]).toBe(first);
  }
  await using log = await SegmentLog.open(dir);
  expect(log.firstOffset).toBeGreaterThan(200);
  expect(await log.dropBefore(1e9)).toBeLessThan(500);
  expect((await log.read(499)).payloads.map(idOf)).toEqual([499]);
});

test('a staged import is invisible until it is published, and then visible as a whole', async () => {
  {
    await using log = await SegmentLog.open(dir);
    await log.append(payloads(0, 5));
    const staged = await log.stage(payloads(100, 2000));
    await log.append(payloads(5, 5));
    expect(staged.recordCount).toBe(2000);
    expect((await readAll(log)).map(idOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const sizes = new Set<number>();
    const follower = collect(log, 0);
    const published = staged.publish();
    const appended = log.append(payloads(10, 1));
    while (log.endOffset < 2011) {
      sizes.add(log.endOffset);
      await new Promise(setImmediate);
    }
    for (const size of sizes) expect([10, 2010]).toContain(size);
    expect([await published, await appended]).toEqual([10, 2010]);
    expect((await readAll(log)).map(idOf).slice(8, 12)).toEqual([8, 9, 100, 101]);
    await expect(staged.publish()).rejects.toThrow('ENOENT');
    await log.close();
    expect((await follower).length).toBeGreaterThanOrEqual(10);
  }
  await using log = await SegmentLog.open(dir);
  expect(log.endOffset).toBe(2011);
  expect((await log.read(2009)).payloads.map(idOf)).toEqual([2099, 10]);
});

test('a staged import into an empty log, an empty one, a failing one and a discarded one', async () => {
  await using log = await SegmentLog.open(dir);
  expect(await (await log.stage(payloads(0, 3))).publish()).toBe(0);
  expect(await (await log.stage([])).publish()).toBe(3);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield payloadOf(1);
    throw new Error('row 2 is bad');
  }
  await expect(log.stage(failing())).rejects.toThrow('row 2 is bad');
  await (await log.stage(payloads(0, 3))).discard();
  expect((await readdir(dir)).filter((name) => name.endsWith('.staged'))).toEqual([]);
  expect(await log.append(payloads(3, 1))).toBe(3);
});

test('an import that was not published leaves no trace at the next opening', async () => {
  {
    await using log = await SegmentLog.open(dir);
    await log.append(payloads(0, 1));
    await log.stage(payloads(1, 100));
  }
  expect((await readdir(dir)).some((name) => name.endsWith('.staged'))).toBe(true);
  await using log = await SegmentLog.open(dir);
  expect(log.endOffset).toBe(1);
  expect((await readdir(dir)).some((name) => name.endsWith('.staged'))).toBe(false);
});

test('a reader beside the owner sees whole records and changes nothing', async () => {
  await using log = await SegmentLog.open(dir);
  await log.append(payloads(0, 10));
  const [segment] = (await readdir(dir)).filter((name) => name.endsWith('.log'));
  await appendFile(join(dir, segment), new Uint8Array(FRAME_HEADER_BYTES + 3));
  await using offline = await SegmentLog.openReadOnly(dir);
  expect((await readAll(offline)).map(idOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await log.append(payloads(10, 1))).toBe(10);
  expect(offline.endOffset).toBe(10);
});
