import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { LogDamagedError } from './errors.ts';
import { idOf, payloadOf } from './fixtures/payload.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';
import { SegmentLog } from './segment-log.ts';

let root: string;
let dir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'log-recovery-'));
  dir = join(root, 'log');
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Reads the log as a reader beside its owner does; answers the records. */
async function readBeside(): Promise<number[]> {
  await using log = await SegmentLog.openReadOnly(dir);
  const found: number[] = [];
  while (found.length < log.endOffset)
    found.push(...(await log.read(found.length, { recordsMax: 7 })).payloads.map(idOf));
  return found;
}

/** A log of `count` records, `perAppend` at a time; answers where each frame begins, and the end. */
async function makeLog(
  count: number,
  perAppend: number,
  { segmentBytesMax = 1e9, payloadBytes = 1000 } = {},
): Promise<number[]> {
  await using log = await SegmentLog.open(dir, { segmentBytesMax });
  const starts = [0];
  for (let id = 0; id < count; id += perAppend) {
    const records = Array.from({ length: perAppend }, (_, i) => payloadOf(id + i).subarray(0, payloadBytes));
    await log.append(records);
    for (const record of records) starts.push(starts.at(-1)! + FRAME_HEADER_BYTES + record.length);
  }
  return starts;
}

async function segments(): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort();
  return names.map((name) => join(dir, name));
}

async function ids(): Promise<number[]> {
  await using offline = await SegmentLog.openReadOnly(dir);
  return (await offline.read(0)).payloads.map(idOf);
}

test('a tail torn at any byte is cut, counted and written over', async () => {
  const starts = await makeLog(4, 2, { payloadBytes: 20 });
  const [file] = await segments();
  const whole = await readFile(file);
  for (let size = 0; size <= whole.length; size++) {
    await writeFile(file, whole.subarray(0, size));
    const kept = starts.filter((start) => start <= size).length - 1;
    expect(await ids()).toEqual([0, 1, 2, 3].slice(0, kept));
    await using log = await SegmentLog.open(dir);
    const bytesCut = size - starts[kept];
    expect(log.recovered).toEqual({ recordsCut: bytesCut > 0 ? 1 : 0, bytesCut });
    expect((await stat(file)).size).toBe(starts[kept]);
    expect(await log.append([payloadOf(77)])).toBe(kept);
    expect((await log.read(0)).payloads.map(idOf)).toEqual([...[0, 1, 2, 3].slice(0, kept), 77]);
  }
});

test('a bad last record, a tail of zeros and a tail of noise are cut', async () => {
  const starts = await makeLog(3, 1);
  const [file] = await segments();
  const whole = await readFile(file);
  const flipped = Buffer.from(whole);
  flipped[starts[2] + FRAME_HEADER_BYTES] ^= 1;
  const random = new Random(5);
  const noise = Buffer.from(Array.from({ length: 5000 }, () => random.int(256)));
  for (const tail of [flipped, Buffer.concat([whole, Buffer.alloc(5000)]), Buffer.concat([whole, noise])]) {
    await writeFile(file, tail);
    await using log = await SegmentLog.open(dir);
    expect(log.endOffset).toBe(tail === flipped ? 2 : 3);
    expect(log.recovered.recordsCut).toBe(1);
  }
});

test('any damaged byte before the last record is refused with file and position', async () => {
  const starts = await makeLog(3, 1, { payloadBytes: 60 });
  const [file] = await segments();
  const whole = await readFile(file);
  for (let at = 0; at < starts[2]; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] ^= 1 << (at % 8);
    await writeFile(file, damaged);
    const byteOffset = at < starts[1] ? 0 : starts[1];
    await expect(SegmentLog.open(dir)).rejects.toMatchObject({ name: 'LogDamagedError', file, byteOffset });
  }
  await expect(SegmentLog.openReadOnly(dir)).rejects.toThrow(LogDamagedError);
  await writeFile(file, whole);
  expect(await ids()).toEqual([0, 1, 2]);
});

test('a damaged record is refused also when its neighbours came in the same append', async () => {
  const starts = await makeLog(9, 9);
  const [file] = await segments();
  const damaged = await readFile(file);
  damaged[starts[4] + 20] ^= 4;
  await writeFile(file, damaged);
  await expect(SegmentLog.open(dir)).rejects.toThrow(`${file} is damaged at byte ${starts[4]}`);
});

test('an earlier segment that is damaged, short or missing is refused', async () => {
  await makeLog(60, 1, { segmentBytesMax: 2000 });
  const files = await segments();
  expect(files.length).toBeGreaterThan(4);
  const whole = await readFile(files[1]);
  await truncate(files[1], whole.length - 1);
  await expect(SegmentLog.open(dir)).rejects.toMatchObject({ name: 'LogDamagedError', file: files[1] });
  await rm(files[1]);
  await expect(SegmentLog.open(dir)).rejects.toMatchObject({ name: 'LogDamagedError', file: files[2] });
  await writeFile(files[1], whole);
  expect((await ids()).length).toBe(60);
});

test('a reader finds damage in an earlier segment when it comes there, and where the segment is no longer what the next one allows for', async () => {
  await makeLog(60, 1, { segmentBytesMax: 2000 });
  const files = await segments();
  const whole = await readFile(files[1]);
  const flipped = Buffer.from(whole);
  flipped[whole.length - 3] ^= 1;
  const damages = [flipped, whole.subarray(0, -1), Buffer.concat([whole, await readFile(files[0])])];
  for (const damaged of damages) {
    await writeFile(files[1], damaged);
    await expect(readBeside()).rejects.toMatchObject({ name: 'LogDamagedError', file: files[1] });
  }
  await rm(files[1]);
  await expect(readBeside()).rejects.toMatchObject({ name: 'LogDamagedError', file: files[0] });
  await writeFile(files[1], whole);
  expect(await readBeside()).toEqual(Array.from({ length: 60 }, (_, id) => id));
});

test('a reader starts anywhere in a segment that it has not read', async () => {
  await makeLog(400, 20, { segmentBytesMax: 100_000 });
  await using log = await SegmentLog.openReadOnly(dir);
  for (const from of [350, 90, 95, 200, 0, 399, 91])
    expect((await log.read(from, { recordsMax: 30 })).payloads.map(idOf)).toEqual(
      Array.from({ length: Math.min(30, 400 - from) }, (_, i) => from + i),
    );
});

test('an unfinished group whose first page never reached the disk is cut; a finished one is refused', async () => {
  await makeLog(40, 40);
  const [file] = await segments();
  const whole = await readFile(file);
  await cp(dir, join(root, 'copy'), { recursive: true });
  whole.fill(0, 0, 4096);
  await writeFile(file, whole);
  {
    await using log = await SegmentLog.open(dir);
    expect(log.endOffset).toBe(0);
    expect(log.recovered.bytesCut).toBe(whole.length);
    expect(log.recovered.recordsCut).toBeGreaterThan(10);
  }
  await rm(dir, { recursive: true });
  await cp(join(root, 'copy'), dir, { recursive: true });
  {
    await using log = await SegmentLog.open(dir);
    await log.append([payloadOf(40)]);
  }
  const longer = await readFile(file);
  longer.fill(0, 0, 4096);
  await writeFile(file, longer);
  await expect(SegmentLog.open(dir)).rejects.toMatchObject({ name: 'LogDamagedError', file, byteOffset: 0 });
});

test('an import takes the place of a last segment that recovery emptied', async () => {
  await makeLog(1, 1);
  const [file] = await segments();
  await truncate(file, 5);
  await using log = await SegmentLog.open(dir);
  expect(await (await log.stage([payloadOf(7), payloadOf(8)])).publish()).toBe(0);
  expect(await log.dropBefore(0)).toBe(0);
  expect(await segments()).toEqual([file]);
  expect(await log.append([payloadOf(9)])).toBe(2);
  expect((await log.read(0)).payloads.map(idOf)).toEqual([7, 8, 9]);
  expect(await ids()).toEqual([7, 8, 9]);
});

test('damage that appears while the log is open is refused by the read that meets it', async () => {
  await using log = await SegmentLog.open(dir);
  await log.append([payloadOf(0), payloadOf(1)]);
  const [file] = await segments();
  const damaged = await readFile(file);
  damaged[damaged.length - 1] ^= 1;
  await writeFile(file, damaged);
  await expect(log.read(0)).rejects.toMatchObject({ name: 'LogDamagedError', file });
});
