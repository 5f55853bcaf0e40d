import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { LogDamagedError } from './errors.ts';
import {
  FRAME_HEADER_BYTES,
  frameGroupStart,
  frameHolds,
  frameIndex,
  frameLength,
  RECORD_BYTES_MAX,
} from './frame.ts';
import { FrameCursor, readFully } from './frame-cursor.ts';
import type { Segment } from './segment.ts';
import { listSegments } from './segment.ts';

/** What was found behind the last good record: the remains of an append that was never acknowledged. */
export interface TornTail {
  /** Records of which at least a part was there. */
  recordsCut: number;
  bytesCut: number;
}

const CHUNK_BYTES = 1024 * 1024;
const SECTOR_BYTES = 512;
/** Longer than any group that a crash can leave unfinished. */
const TAIL_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Checks every record of the log in `dir`. A bad frame at the very end is a torn tail and left out of the last segment.
 * Throws `LogDamagedError` for any other: in an earlier segment, or with a good record behind it. One case needs more care.
 * After a power failure the pages of an unfinished group may have reached the disk in any order, so good records may
 * stand behind a page that reads as zeros; such a group was not acknowledged, and the next was never begun. It is a tail
 * when all good records behind the bad frame are of the bad frame's own group and zeros stand where the frame should
 * (the sector test is etcd's, `wal/decoder.go` isTornEntry).
 */
export async function scanLog(dir: string): Promise<{ segments: Segment[]; tail: TornTail }> {
  const segments = await listSegments(dir);
  let tail: TornTail = { recordsCut: 0, bytesCut: 0 };
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i];
    const expected = i === 0 ? segment.base : segments[i - 1].endOffset;
    if (segment.base !== expected) {
      throw new LogDamagedError(segment.path, 0, `it begins at offset ${segment.base}, not at ${expected}`);
    }
    tail = await scanSegment(segment, i === segments.length - 1);
  }
  return { segments, tail };
}

/**
 * The log in `dir` for reading alone: an earlier segment ends where the next one begins, and its records are checked when they
 * are read; the last one is checked as `scanLog` does, a torn tail left out. Throws `LogDamagedError`.
 */
export async function outlineLog(dir: string): Promise<Segment[]> {
  const segments = await listSegments(dir);
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1];
    if (next === undefined) await scanSegment(segment, true);
    else segment.outline(next.base - segment.base, (await stat(segment.path)).size);
  }
  return segments;
}

async function scanSegment(segment: Segment, last: boolean): Promise<TornTail> {
  const file = await open(segment.path, 'r');
  try {
    const sizeBytes = (await file.stat()).size;
    const cursor = new FrameCursor(file, sizeBytes, CHUNK_BYTES, { index: 0, position: 0 });
    for (;;) {
      const step = cursor.step();
      if (step === 'record') segment.extend(cursor.payloadBytes);
      else if (step === 'fill') await cursor.fill();
      else if (step === 'end') return { recordsCut: 0, bytesCut: 0 };
      else if (last) return await classifyTail(segment, file, sizeBytes);
      else throw new LogDamagedError(segment.path, segment.bytes, 'later segments follow the bad record');
    }
  } finally {
    await file.close();
  }
}

async function classifyTail(segment: Segment, file: FileHandle, sizeBytes: number): Promise<TornTail> {
  const bytesCut = sizeBytes - segment.bytes;
  if (bytesCut > TAIL_BYTES_MAX) {
    throw new LogDamagedError(segment.path, segment.bytes, `${bytesCut} bytes follow the last good record`);
  }
  const bytes = await readFully(file, segment.bytes, bytesCut);
  let recordsCut = 1;
  for (let at = 1; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    if (!laterFrameAt(bytes, at, segment.count)) {
      at++;
      continue;
    }
    const unwritten = recordsCut > 1 || startsUnwritten(bytes, at, segment.bytes);
    if (!unwritten || frameGroupStart(bytes, at) > segment.count) {
      throw new LogDamagedError(segment.path, segment.bytes, 'good records follow the bad one');
    }
    recordsCut++;
    at += FRAME_HEADER_BYTES + frameLength(bytes, at);
  }
  return { recordsCut, bytesCut };
}

/** Whether a good frame of a record after `index` begins at `at`. */
function laterFrameAt(bytes: Buffer, at: number, index: number): boolean {
  const length = frameLength(bytes, at);
  if (length > RECORD_BYTES_MAX || at + FRAME_HEADER_BYTES + length > bytes.length) return false;
  const ahead = frameIndex(bytes, at) - index;
  return ahead > 0 && ahead * FRAME_HEADER_BYTES <= at && frameHolds(bytes, at);
}

/** Whether a sector of the first `end` bytes, which lie at `position` in the file, reads as never written. */
function startsUnwritten(bytes: Buffer, end: number, position: number): boolean {
  for (let start = 0; start < end; ) {
    const stop = Math.min(end, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
    const whole = start === 0 || stop - start === SECTOR_BYTES;
    if (whole && isZero(bytes, start, stop)) return true;
    start = stop;
  }
  return false;
}

function isZero(bytes: Buffer, start: number, stop: number): boolean {
  for (let i = start; i < stop; i++) if (bytes[i] !== 0) return false;
  return true;
}
