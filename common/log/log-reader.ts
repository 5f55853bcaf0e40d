import type { FileHandle } from 'node:fs/promises';
import { LogClosedError, LogDamagedError, OffsetBeyondEndError, OffsetTruncatedError } from './errors.ts';
import { FrameCursor } from './frame-cursor.ts';
import { MARK_BYTES, type Segment } from './segment.ts';

/** Consecutive records: `payloads[i]` has offset `offset + i`. Payloads are views of larger buffers: copy what you keep long. */
export interface RecordBatch {
  offset: number;
  payloads: Uint8Array[];
}

export interface ReadLimits {
  /** Default 1,024. */
  recordsMax?: number;
  /** Payload bytes, default 1 MiB. One record comes whatever its size. */
  bytesMax?: number;
}

const CHUNK_BYTES_MAX = 256 * 1024;

/** Reads the records that `segments` counts; whoever owns the list may extend it meanwhile. */
export class LogReader implements AsyncDisposable {
  readonly #segments: Segment[];
  readonly #inFlight = new Set<Promise<RecordBatch>>();
  #closed = false;

  constructor(segments: Segment[]) {
    this.#segments = segments;
  }

  /** The first retained offset; equal to `endOffset` in an empty log. */
  get firstOffset(): number {
    return this.#segments[0]?.base ?? 0;
  }

  /** One past the last readable record. */
  get endOffset(): number {
    return this.#segments.at(-1)?.endOffset ?? 0;
  }

  /**
   * The records from `fromOffset` on, up to the limits: empty only at the end of the log. Throws `OffsetTruncatedError`,
   * `OffsetBeyondEndError`, `LogClosedError`, and `LogDamagedError` where the disk no longer gives what was written.
   */
  async read(fromOffset: number, limits: ReadLimits = {}): Promise<RecordBatch> {
    if (this.#closed) throw new LogClosedError('the log is closed');
    const reading = this.#read(fromOffset, limits);
    this.#inFlight.add(reading);
    try {
      return await reading;
    } finally {
      this.#inFlight.delete(reading);
    }
  }

  /** Resolves when the reads that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#inFlight]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.settled();
    await Promise.all(this.#segments.map((segment) => segment.closeReading()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(fromOffset: number, limits: ReadLimits): Promise<RecordBatch> {
    this.#checkOffset(fromOffset);
    let recordsLeft = limits.recordsMax ?? 1024;
    let bytesLeft = limits.bytesMax ?? 1024 * 1024;
    const payloads: Uint8Array[] = [];
    for (;;) {
      const offset = fromOffset + payloads.length;
      if (recordsLeft <= 0 || offset === this.endOffset) break;
      const segment = this.#segmentOf(offset);
      const before = payloads.length;
      const full = await readSegment(segment, offset - segment.base, recordsLeft, bytesLeft, payloads);
      if (full) break;
      recordsLeft -= payloads.length - before;
      for (let i = before; i < payloads.length; i++) bytesLeft -= payloads[i].length;
    }
    return { offset: fromOffset, payloads };
  }

  #checkOffset(offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`fromOffset must be a non-negative integer, not ${offset}`);
    }
    if (offset < this.firstOffset) throw new OffsetTruncatedError(offset, this.firstOffset);
    if (offset > this.endOffset) throw new OffsetBeyondEndError(offset, this.endOffset);
  }

  #segmentOf(offset: number): Segment {
    if (offset < this.firstOffset) throw new OffsetTruncatedError(offset, this.firstOffset);
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#segments[middle].base <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low];
  }
}

/** Adds records of one segment to `payloads`; true when the next one would have passed `bytesMax`. */
async function readSegment(
  segment: Segment,
  fromIndex: number,
  recordsMax: number,
  bytesMax: number,
  payloads: Uint8Array[],
): Promise<boolean> {
  const { count, bytes } = segment;
  const file: FileHandle = await segment.openReading();
  const guessed = MARK_BYTES + Math.ceil((bytes / count) * recordsMax);
  const cursor = new FrameCursor(file, bytes, Math.min(guessed, CHUNK_BYTES_MAX), segment.seek(fromIndex));
  const end = Math.min(count, fromIndex + recordsMax);
  let bytesLeft = bytesMax;
  while (cursor.index < end) {
    const step = cursor.step();
    if (step === 'fill') {
      await cursor.fill();
      continue;
    }
    if (step !== 'record') throw damagedAt(segment, cursor, 'the record no longer reads as it was written');
    segment.mark(cursor.index, cursor.position);
    if (cursor.index > fromIndex) {
      bytesLeft -= cursor.payload.length;
      if (bytesLeft < 0 && payloads.length > 0) return true;
      payloads.push(cursor.payload);
    }
  }
  if (end === count && cursor.position !== bytes)
    throw damagedAt(segment, cursor, 'more follows than the next segment leaves room for');
  return false;
}

function damagedAt({ path }: Segment, { position }: FrameCursor, what: string): LogDamagedError {
  return new LogDamagedError(path, position, what);
}
