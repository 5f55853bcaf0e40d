import type { ReadLimits, RecordBatch } from './log-reader.ts';

/** A record to append. */
export interface LogRecord {
  /** Unique; an engine that can recognises a record that it has already. At most 128 bytes. */
  readonly id: string;
  /** Records of one key stay in one partition, where the engine has partitions: the user's id, or empty. */
  readonly key: string;
  readonly payload: Uint8Array;
}

/** Where a record is. */
export interface RecordPlace {
  readonly offset: number;
  /** True if the engine had the id already; `offset` is then that of the first one. */
  readonly duplicate: boolean;
}

export interface FollowOptions {
  /** Records in a batch, default 1,024. */
  readonly recordsMax?: number;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal;
}

/** What may be deleted of a log's oldest records; a limit that is absent does not hold. */
export interface Retention {
  readonly bytesMax?: number | undefined;
  readonly ageMsMax?: number | undefined;
  /** Records from this offset on stay, whatever the limits say: what the slowest consumer has not committed. */
  readonly keepFrom: number;
}

/** Reading of a log: consecutive offsets from 0, in the one order that all readers see. */
export interface RecordReader extends AsyncDisposable {
  /** The first retained offset; equal to `endOffset` in an empty log. */
  readonly firstOffset: number;
  /** One past the last durable record that this process knows of. */
  readonly endOffset: number;
  /**
   * The records from `fromOffset` on, up to the limits: empty only at the end of the log. A record that was erased is an empty
   * payload at its offset. Throws `OffsetTruncatedError`, `OffsetBeyondEndError`, `LogClosedError`, `LogDamagedError`, and
   * `LogReadError` while the log cannot be reached.
   */
  read(fromOffset: number, limits?: ReadLimits): Promise<RecordBatch>;
}

/** The log behind the logging service. `test/contract/suites/record-log.ts` says what every engine does. */
export interface RecordLog extends RecordReader {
  /** True if records of one append that failed may be in the log nevertheless: whoever retries looks there first. */
  readonly mayKeepRejected: boolean;
  /**
   * Resolves, once all are durable, with a place for each record; records that are new have increasing offsets. Rejects with
   * `LogFullError`, `LogOverloadedError`, `LogWriteError`; see `mayKeepRejected`.
   */
  append(records: readonly LogRecord[]): Promise<RecordPlace[]>;
  /**
   * Appends a bulk import and answers the offset of its first record. Local segments: all or none. NATS: in order, in
   * portions; where it ends early, doing it again with the same ids completes it.
   */
  importAll(records: Iterable<LogRecord> | AsyncIterable<LogRecord>): Promise<number>;
  /** Batches from `fromOffset` on, none empty, waiting at the end. Ends on `signal` and when the log closes. Throws as `read`. */
  follow(fromOffset: number, options?: FollowOptions): AsyncIterable<RecordBatch>;
  /** Deletes the oldest records that the limits do not allow. Answers the new `firstOffset`. */
  retain(retention: Retention): Promise<number>;
  /**
   * Makes the records at `offsets` unreadable, durably and whoever reads: each reads as an empty payload from then on, all others
   * stay where they are. Doing it again changes nothing; after a crash some may be erased. `progress`: how much of how much is done.
   */
  erase(offsets: readonly number[], progress?: (done: number, all: number) => void): Promise<void>;
  close(): Promise<void>;
}
