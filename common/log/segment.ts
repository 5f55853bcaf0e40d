import type { FileHandle } from 'node:fs/promises';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FRAME_HEADER_BYTES } from './frame.ts';

/** Bytes between two marks of the sparse index: the most that a seek reads over in vain. */
export const MARK_BYTES = 16 * 1024;

const NAME = /^(\d{16})\.log$/;

/** One file of the log and what of it may be read: `count` records in its first `bytes` bytes. */
export class Segment {
  readonly path: string;
  /** Offset of its first record. */
  readonly base: number;
  count = 0;
  bytes = 0;
  #marks: { index: number; position: number }[] = [];
  #reading: Promise<FileHandle> | null = null;

  constructor(path: string, base: number) {
    this.path = path;
    this.base = base;
  }

  get endOffset(): number {
    return this.base + this.count;
  }

  /** Takes in the next record, which lies on disk after the last one. */
  extend(payloadBytes: number): void {
    this.mark(this.count, this.bytes);
    this.count++;
    this.bytes += FRAME_HEADER_BYTES + payloadBytes;
  }

  /** Takes in all records at once, unread: `seek` finds its way as reading passes by. */
  outline(count: number, bytes: number): void {
    this.count = count;
    this.bytes = bytes;
    this.mark(0, 0);
  }

  /** Keeps where the frame of record `index` starts, if the last mark is far enough behind. For calls in the order of records. */
  mark(index: number, position: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || position - last.position >= MARK_BYTES) this.#marks.push({ index, position });
  }

  /** A frame's start at or shortly before record `index`. */
  seek(index: number): { index: number; position: number } {
    let low = 0;
    let high = this.#marks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#marks[middle].index <= index) low = middle;
      else high = middle - 1;
    }
    return this.#marks[low];
  }

  /** The same records under another name and base. */
  movedTo(path: string, base: number): Segment {
    const moved = new Segment(path, base);
    moved.count = this.count;
    moved.bytes = this.bytes;
    moved.#marks = this.#marks;
    return moved;
  }

  /** Opened at the first call and kept until `closeReading`. */
  openReading(): Promise<FileHandle> {
    this.#reading ??= open(this.path, 'r').catch((error) => {
      this.#reading = null;
      throw error;
    });
    return this.#reading;
  }

  /** Later reads open the file anew. Answers what closes the file that reads under way still use. */
  replaceReading(): () => Promise<void> {
    const reading = this.#reading;
    this.#reading = null;
    return async () => await (await reading)?.close();
  }

  async closeReading(): Promise<void> {
    await this.replaceReading()();
  }
}

export function segmentPath(dir: string, base: number): string {
  return join(dir, `${String(base).padStart(16, '0')}.log`);
}

/** The directory's segments in offset order, not scanned yet. */
export async function listSegments(dir: string): Promise<Segment[]> {
  const names = (await readdir(dir)).filter((name) => NAME.test(name)).sort();
  return names.map((name) => new Segment(join(dir, name), Number(name.slice(0, 16))));
}
