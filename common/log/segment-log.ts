import type { FileHandle } from 'node:fs/promises';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommitQueue } from './commit-queue.ts';
import { makeDirectory, writeFully } from './durable-files.ts';
import { writeErased } from './erased-segment.ts';
import { LogClosedError, LogError, LogFullError, LogWriteError } from './errors.ts';
import { encodeFrames, groupBytes, refuseLong } from './frame.ts';
import { diskFiles, type LogFiles } from './log-files.ts';
import type { ReadLimits, RecordBatch } from './log-reader.ts';
import { LogReader } from './log-reader.ts';
import { OwnerLock } from './owner-lock.ts';
import type { FollowOptions } from './record-log.ts';
import type { TornTail } from './recovery.ts';
import { outlineLog, scanLog } from './recovery.ts';
import { Segment, segmentPath } from './segment.ts';
import type { StagedSegment } from './staged-segment.ts';
import { STAGED_SUFFIX, writeStaged } from './staged-segment.ts';

export interface SegmentLogOptions {
  /** A segment that would grow beyond this begins the next one, default 64 MiB. One group or import may be larger. */
  segmentBytesMax?: number;
  /** Framed bytes of appends that may wait for the disk, default 64 MiB; beyond it they reject. */
  pendingBytesMax?: number;
  /** Default: the disk. */
  files?: LogFiles;
}

/** A segment as retention sees it. */
interface SegmentSize {
  readonly endOffset: number;
  readonly bytes: number;
  /** When its file was last written. */
  readonly writtenMs: number;
}

const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * A durable log of byte records in one directory, owned by one process. Offsets are consecutive integers from 0. A record
 * is acknowledged and readable once it is fsynced, and only then.
 *
 * Recovery works record by record: of an append that a crash interrupts, none, some or all records may be there afterwards,
 * always the first ones, and nothing of it was acknowledged.
 */
export class SegmentLog implements AsyncDisposable {
  /** The torn tail that opening cut off. */
  readonly recovered: TornTail;
  readonly #dir: string;
  readonly #lock: OwnerLock;
  readonly #files: LogFiles;
  readonly #segments: Segment[];
  readonly #segmentBytesMax: number;
  readonly #reader: LogReader;
  readonly #queue: CommitQueue;
  readonly #waiters = new Set<() => void>();
  #writing: FileHandle | null = null;
  #failure: unknown = null;
  #commits = 0;
  #closing: Promise<void> | null = null;

  private constructor(
    dir: string,
    lock: OwnerLock,
    scanned: { segments: Segment[]; tail: TornTail },
    options: SegmentLogOptions,
  ) {
    this.recovered = scanned.tail;
    this.#dir = dir;
    this.#lock = lock;
    this.#files = options.files ?? diskFiles;
    this.#segments = scanned.segments;
    this.#segmentBytesMax = options.segmentBytesMax ?? 64 * 1024 * 1024;
    this.#reader = new LogReader(scanned.segments);
    this.#queue = new CommitQueue(
      (records) => this.#commit(records),
      options.pendingBytesMax ?? 64 * 1024 * 1024,
    );
  }

  /**
   * Creates `dir` where it is missing, takes its lock, checks every record, cuts a torn tail and deletes unpublished imports.
   * Throws `LogLockedError` or `LogDamagedError`.
   */
  static async open(dir: string, options: SegmentLogOptions = {}): Promise<SegmentLog> {
    await makeDirectory(dir);
    const lock = await OwnerLock.acquire(dir);
    try {
      await deleteLeftovers(dir);
      const scanned = await scanLog(dir);
      await settle(dir, scanned.segments.at(-1), options.files ?? diskFiles);
      return new SegmentLog(dir, lock, scanned, options);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * The records in `dir` as of now, without the lock and without changing anything: also beside a running owner, whose
   * last records may then be seen before they are durable; with `files` they are made so first, for readers that keep what they
   * read. A torn tail is left out. Throws `LogDamagedError` about the last segment; about earlier ones reading does.
   */
  static async openReadOnly(dir: string, files?: LogFiles): Promise<LogReader> {
    const segments = await outlineLog(dir);
    if (files !== undefined) await makeDurable(dir, segments.at(-1), files);
    return new LogReader(segments);
  }

  get firstOffset(): number {
    return this.#reader.firstOffset;
  }

  /** One past the last durable record. */
  get endOffset(): number {
    return this.#reader.endOffset;
  }

  /** Groups that were fsynced since opening: appends divided by this is the mean group. */
  get commits(): number {
    return this.#commits;
  }

  /**
   * Resolves with the offset of the first record once all are durable; they have consecutive offsets. Appends that wait
   * together share one write and one fsync, and its failure. The arrays must not change until then.
   *
   * Rejects with `LogFullError` or `LogWriteError` after cutting the file back to its durable end, so that a rejected record
   * is not served later. When a write fails and the cut succeeds the log goes on. When the cut or an fsync fails, nothing
   * more can be known about the file: every later append rejects, reading goes on, and only where the cut failed as well
   * may a rejected record reappear at the next opening. Rejects with `LogOverloadedError` beyond `pendingBytesMax` and with
   * a `RangeError` for a record above `RECORD_BYTES_MAX`.
   */
  async append(records: readonly Uint8Array[]): Promise<number> {
    this.#refuseClosed();
    records.forEach(refuseLong);
    if (records.length === 0) return this.endOffset;
    return this.#queue.append(records);
  }

  /** As `LogReader.read`. */
  read(fromOffset: number, limits: ReadLimits = {}): Promise<RecordBatch> {
    return this.#reader.read(fromOffset, limits);
  }

  /**
   * Batches from `fromOffset` on, none empty, waiting for new records at the end. Ends when `signal` aborts or the log
   * closes. Throws as `read` does, also when it falls behind what `dropBefore` retains.
   */
  async *follow(fromOffset: number, options: FollowOptions = {}): AsyncGenerator<RecordBatch, void, void> {
    const { recordsMax = 1024, signal } = options;
    let offset = fromOffset;
    while (this.#closing === null && !signal?.aborted) {
      const batch = await this.read(offset, { recordsMax });
      if (batch.payloads.length === 0) {
        await this.#advance(offset, signal);
      } else {
        yield batch;
        offset += batch.payloads.length;
      }
    }
  }

  /**
   * Writes a bulk import beside the log while appends go on; `publish` then makes it the next segment by one rename. What is
   * not published is deleted at the next opening.
   */
  async stage(records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<StagedSegment> {
    this.#refuseClosed();
    const staged = await writeStaged(this.#dir, records).catch((error) => {
      throw FULL_CODES.has(error?.code) ? writeError(error) : error;
    });
    return {
      recordCount: staged.count,
      publish: async () => {
        this.#refuseClosed();
        return this.#queue.run(() => this.#publish(staged));
      },
      discard: () => rm(staged.path, { force: true }),
    };
  }

  /** The segments, oldest first, without the last: those that `dropBefore` may delete. */
  async sizes(): Promise<SegmentSize[]> {
    const whole = this.#segments.slice(0, -1);
    return Promise.all(
      whole.map(async ({ path, endOffset, bytes }) => ({
        endOffset,
        bytes,
        writtenMs: (await stat(path)).mtimeMs,
      })),
    );
  }

  /** Deletes the segments that lie wholly below `offset`, never the last. Answers the new `firstOffset`. */
  async dropBefore(offset: number): Promise<number> {
    this.#refuseClosed();
    return this.#queue.run(async () => {
      while (this.#segments.length > 1 && this.#segments[0].endOffset <= offset) {
        const dropped = this.#segments.shift()!;
        await this.#reader.settled();
        await dropped.closeReading();
        await rm(dropped.path);
        await this.#files.syncDirectory(this.#dir);
      }
      return this.firstOffset;
    });
  }

  /**
   * Erases the records at `offsets`: they read as empty payloads from then on, and no byte of theirs is in a file. Each segment is
   * replaced by a copy in one rename, so that a crash leaves it as it was or as it should be, and readers go on; offsets below
   * `firstOffset` are passed over. `progress`: segments done, and all.
   */
  async erase(offsets: readonly number[], progress?: (done: number, all: number) => void): Promise<void> {
    this.#refuseClosed();
    const wanted = [...new Set(offsets)].sort((a, b) => a - b);
    const touched = this.#segments.filter(({ base, endOffset }) =>
      wanted.some((offset) => offset >= base && offset < endOffset),
    );
    for (const [i, segment] of touched.entries()) {
      const { base, endOffset } = segment;
      const indexes = wanted.filter((offset) => offset >= base && offset < endOffset).map((at) => at - base);
      await this.#queue.run(() => this.#eraseIn(segment, indexes));
      progress?.(i + 1, touched.length);
    }
  }

  /** Deletes all records if `offset` is the log's end still; offsets go on from there. */
  async clear(offset: number): Promise<void> {
    this.#refuseClosed();
    await this.#queue.run(async () => {
      const last = this.#segments.at(-1);
      if (last === undefined || last.count === 0 || this.endOffset !== offset) return;
      await this.#stopWriting();
      const segment = new Segment(segmentPath(this.#dir, offset), offset);
      this.#writing = await this.#create(segment.path);
      this.#segments.push(segment);
    });
    await this.dropBefore(offset);
  }

  /** Completes what was appended, ends followers and gives up the lock. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#queue.idle();
    this.#wake();
    await this.#reader.close();
    await this.#writing?.close();
    await this.#lock.release();
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw new LogClosedError(`the log ${this.#dir} is closed`);
  }

  #refuseFailed(): void {
    if (this.#failure === null) return;
    throw new LogWriteError(`the log ${this.#dir} takes no writes since an earlier failure`, {
      cause: this.#failure,
    });
  }

  async #commit(records: readonly Uint8Array[]): Promise<number> {
    this.#refuseFailed();
    const segment = await this.#segmentFor(groupBytes(records));
    const firstOffset = segment.endOffset;
    const file = this.#writing!;
    try {
      await writeFully(file, encodeFrames(records, segment.count), segment.bytes);
    } catch (error) {
      await this.#cutBack(file, segment);
      throw writeError(error);
    }
    try {
      await this.#files.sync(segment.path, file);
    } catch (error) {
      this.#failure = error;
      await this.#cutBack(file, segment);
      throw writeError(error);
    }
    for (const record of records) segment.extend(record.length);
    this.#commits++;
    this.#wake();
    return firstOffset;
  }

  async #cutBack(file: FileHandle, segment: Segment): Promise<void> {
    try {
      await file.truncate(segment.bytes);
      await this.#files.sync(segment.path, file);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** The segment that takes the next `bytes`, opened as `#writing`. */
  async #segmentFor(bytes: number): Promise<Segment> {
    try {
      const last = this.#segments.at(-1);
      if (last !== undefined && (last.count === 0 || last.bytes + bytes <= this.#segmentBytesMax)) {
        this.#writing ??= await open(last.path, 'r+');
        return last;
      }
      await this.#stopWriting();
      const segment = new Segment(segmentPath(this.#dir, this.endOffset), this.endOffset);
      this.#writing = await this.#create(segment.path);
      this.#segments.push(segment);
      return segment;
    } catch (error) {
      throw writeError(error);
    }
  }

  async #eraseIn(segment: Segment, indexes: readonly number[]): Promise<void> {
    this.#refuseFailed();
    if (!this.#segments.includes(segment)) return;
    const draft = await writeErased(this.#dir, segment, indexes);
    if (draft === undefined) return;
    if (segment === this.#segments.at(-1)) await this.#stopWriting();
    try {
      await rename(draft, segment.path);
      await this.#files.syncDirectory(this.#dir);
    } catch (error) {
      throw writeError(error);
    }
    const closeReplaced = segment.replaceReading();
    await this.#reader.settled();
    await closeReplaced();
  }

  async #create(path: string): Promise<FileHandle> {
    const file = await open(path, 'wx');
    try {
      await this.#files.syncDirectory(this.#dir);
      return file;
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
  }

  async #stopWriting(): Promise<void> {
    const file = this.#writing;
    this.#writing = null;
    await file?.close();
  }

  async #publish(staged: Segment): Promise<number> {
    this.#refuseFailed();
    const base = this.endOffset;
    if (staged.count === 0) {
      await rm(staged.path);
      return base;
    }
    await this.#stopWriting();
    const segment = staged.movedTo(segmentPath(this.#dir, base), base);
    try {
      await rename(staged.path, segment.path);
    } catch (error) {
      throw writeError(error);
    }
    try {
      await this.#files.syncDirectory(this.#dir);
    } catch (error) {
      this.#failure = error;
      throw writeError(error);
    }
    if (this.#segments.at(-1)?.count === 0) this.#segments.pop();
    this.#segments.push(segment);
    this.#wake();
    return base;
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves when there is a record at `offset`, or on `signal`, or on closing. */
  #advance(offset: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      if (this.endOffset > offset || this.#closing !== null || signal?.aborted) return done();
      this.#waiters.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}

function writeError(error: unknown): LogError {
  if (error instanceof LogError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const full = code !== undefined && FULL_CODES.has(code);
  return full
    ? new LogFullError(`the log has no room left: ${message}`, { cause: error })
    : new LogWriteError(`the log could not be written: ${message}`, { cause: error });
}

async function deleteLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.endsWith(STAGED_SUFFIX) || name.endsWith('.tmp')) await rm(join(dir, name), { force: true });
  }
}

/** Cuts the torn tail and makes durable what a killed owner had written without an fsync. */
async function settle(dir: string, last: Segment | undefined, files: LogFiles): Promise<void> {
  await files.syncDirectory(dir);
  if (last === undefined) return;
  const file = await open(last.path, 'r+');
  try {
    await file.truncate(last.bytes);
    await files.sync(last.path, file);
  } finally {
    await file.close();
  }
}

/** Makes durable what a running owner has written, so that no crash takes back what was read. */
async function makeDurable(dir: string, last: Segment | undefined, files: LogFiles): Promise<void> {
  await files.syncDirectory(dir);
  if (last === undefined) return;
  const file = await open(last.path, 'r');
  try {
    await files.sync(last.path, file);
  } finally {
    await file.close();
  }
}
