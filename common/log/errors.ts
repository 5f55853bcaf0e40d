/** Base of everything the segment log throws on purpose. */
export class LogError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Another live process owns the log's directory. */
export class LogLockedError extends LogError {
  readonly pid: number;

  constructor(dir: string, pid: number) {
    super(`log ${dir} is owned by the running process ${pid}`);
    this.pid = pid;
  }
}

/** Bytes that were durable are no longer what was written. Nothing is skipped: an operator decides. */
export class LogDamagedError extends LogError {
  readonly file: string;
  /** Byte position in `file` of the first frame that does not hold. */
  readonly byteOffset: number;

  constructor(file: string, byteOffset: number, reason: string) {
    super(`log segment ${file} is damaged at byte ${byteOffset}: ${reason}`);
    this.file = file;
    this.byteOffset = byteOffset;
  }
}

/** The disk, the quota or the file size limit is exhausted (`cause`). Reads go on. */
export class LogFullError extends LogError {}

/** A write or fsync failed (`cause`), or an earlier failure closed the log to writes. Reads go on. */
export class LogWriteError extends LogError {}

/** The log cannot be reached for reading: try again. */
export class LogReadError extends LogError {}

/** More bytes wait for the disk than `pendingBytesMax` allows: retry later. */
export class LogOverloadedError extends LogError {}

export class LogClosedError extends LogError {}

/** The offset asked for lies below the first retained one. */
export class OffsetTruncatedError extends LogError {
  readonly offset: number;
  readonly firstOffset: number;

  constructor(offset: number, firstOffset: number) {
    super(`offset ${offset} is no longer retained: the log begins at ${firstOffset}`);
    this.offset = offset;
    this.firstOffset = firstOffset;
  }
}

/** The offset asked for lies beyond the end: its reader has seen records that this log does not hold. */
export class OffsetBeyondEndError extends LogError {
  readonly offset: number;
  readonly endOffset: number;

  constructor(offset: number, endOffset: number) {
    super(`offset ${offset} lies beyond the end of the log at ${endOffset}`);
    this.offset = offset;
    this.endOffset = endOffset;
  }
}
