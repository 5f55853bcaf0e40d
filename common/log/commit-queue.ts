import { LogOverloadedError } from './errors.ts';
import { groupBytes } from './frame.ts';

interface Append {
  records: readonly Uint8Array[];
  bytes: number;
  resolve(firstOffset: number): void;
  reject(error: unknown): void;
}

interface Task {
  run(): Promise<void>;
}

/** Appends beyond this many framed bytes wait for the next group. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Orders everything that changes the log: one turn at a time. Appends that wait together form one group, which is written
 * and fsynced as one (group commit: DeWitt et al., "Implementation techniques for main memory database systems", 1984).
 */
export class CommitQueue {
  readonly #commit: (records: Uint8Array[]) => Promise<number>;
  readonly #pendingBytesMax: number;
  readonly #turns: (Append | Task)[] = [];
  #pendingBytes = 0;
  #draining: Promise<void> | null = null;

  /** `commit` makes a group durable and answers the offset of its first record. */
  constructor(commit: (records: Uint8Array[]) => Promise<number>, pendingBytesMax: number) {
    this.#commit = commit;
    this.#pendingBytesMax = pendingBytesMax;
  }

  append(records: readonly Uint8Array[]): Promise<number> {
    const bytes = groupBytes(records);
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#pendingBytesMax) {
      return Promise.reject(new LogOverloadedError(`${this.#pendingBytes} bytes already wait for the disk`));
    }
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#push({ records, bytes, resolve, reject });
    });
  }

  /** Runs `task` alone, after what was asked for before it. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#push({ run: () => task().then(resolve, reject) });
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  #push(turn: Append | Task): void {
    this.#turns.push(turn);
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    await null;
    while (this.#turns.length > 0) {
      const next = this.#turns[0];
      if ('run' in next) {
        this.#turns.shift();
        await next.run();
      } else {
        await this.#commitGroup(this.#takeGroup());
      }
    }
    this.#draining = null;
  }

  #takeGroup(): Append[] {
    let taken = 0;
    let bytes = 0;
    for (const turn of this.#turns) {
      if ('run' in turn || (taken > 0 && bytes + turn.bytes > GROUP_BYTES_MAX)) break;
      bytes += turn.bytes;
      taken++;
    }
    return this.#turns.splice(0, taken) as Append[];
  }

  async #commitGroup(group: readonly Append[]): Promise<void> {
    try {
      let offset = await this.#commit(group.flatMap((append) => append.records));
      for (const append of group) {
        append.resolve(offset);
        offset += append.records.length;
      }
    } catch (error) {
      for (const append of group) append.reject(error);
    } finally {
      for (const append of group) this.#pendingBytes -= append.bytes;
    }
  }
}
