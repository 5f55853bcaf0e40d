import type { ReadLimits, RecordBatch } from './log-reader.ts';
import type { FollowOptions, LogRecord, RecordLog, RecordPlace, Retention } from './record-log.ts';
import { SegmentLog, type SegmentLogOptions } from './segment-log.ts';

/** The log in segments of a local folder, which one process owns. */
export class LocalLog implements RecordLog {
  readonly mayKeepRejected = false;
  readonly segments: SegmentLog;

  private constructor(segments: SegmentLog) {
    this.segments = segments;
  }

  /** As `SegmentLog.open`. */
  static async open(folder: string, options: SegmentLogOptions = {}): Promise<LocalLog> {
    return new LocalLog(await SegmentLog.open(folder, options));
  }

  get firstOffset(): number {
    return this.segments.firstOffset;
  }

  get endOffset(): number {
    return this.segments.endOffset;
  }

  async append(records: readonly LogRecord[]): Promise<RecordPlace[]> {
    const first = await this.segments.append(records.map(({ payload }) => payload));
    return records.map((_, i) => ({ offset: first + i, duplicate: false }));
  }

  async importAll(records: Iterable<LogRecord> | AsyncIterable<LogRecord>): Promise<number> {
    const staged = await this.segments.stage(payloadsOf(records));
    return staged.publish();
  }

  read(fromOffset: number, limits?: ReadLimits): Promise<RecordBatch> {
    return this.segments.read(fromOffset, limits);
  }

  follow(fromOffset: number, options?: FollowOptions): AsyncIterable<RecordBatch> {
    return this.segments.follow(fromOffset, options);
  }

  erase(offsets: readonly number[], progress?: (done: number, all: number) => void): Promise<void> {
    return this.segments.erase(offsets, progress);
  }

  /** Whole segments only, never the last. A segment is as old as its last write. */
  async retain({ bytesMax, ageMsMax, keepFrom }: Retention): Promise<number> {
    const segments = await this.segments.sizes();
    let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    let before = this.firstOffset;
    for (const segment of segments) {
      const large = bytesMax !== undefined && bytes > bytesMax;
      const old = ageMsMax !== undefined && Date.now() - segment.writtenMs > ageMsMax;
      if (segment.endOffset > keepFrom || !(large || old)) break;
      before = segment.endOffset;
      bytes -= segment.bytes;
    }
    return before === this.firstOffset ? before : this.segments.dropBefore(before);
  }

  close(): Promise<void> {
    return this.segments.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function* payloadsOf(
  records: Iterable<LogRecord> | AsyncIterable<LogRecord>,
): AsyncGenerator<Uint8Array> {
  for await (const { payload } of records) yield payload;
}
