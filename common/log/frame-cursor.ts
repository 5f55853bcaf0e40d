import type { FileHandle } from 'node:fs/promises';
import {
  FRAME_HEADER_BYTES,
  frameHolds,
  frameIndex,
  frameIsErased,
  frameLength,
  RECORD_BYTES_MAX,
} from './frame.ts';

const NONE = new Uint8Array(0);

/** `record`: `payload` is the next one. `fill`: call `fill()` and step again. `damaged`: no valid frame at `position`. */
export type Step = 'record' | 'fill' | 'end' | 'damaged';

/** Walks the frames of one segment in order, checking each, and reads the file in chunks. */
export class FrameCursor {
  /** Byte position of the next frame. */
  position: number;
  /** Index of the next frame's record. */
  index: number;
  /** A view of the chunk that was read, never written again: keeping it keeps the chunk. Empty for a record that was erased. */
  payload: Uint8Array = NONE;
  /** What the payload takes in the file. */
  payloadBytes = 0;
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  readonly #chunkBytes: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart: number;
  #wantedBytes = FRAME_HEADER_BYTES;
  #cutShort = false;

  /** `sizeBytes`: bytes of the file that may be read. `start`: where a frame begins. */
  constructor(
    file: FileHandle,
    sizeBytes: number,
    chunkBytes: number,
    start: { index: number; position: number },
  ) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#chunkBytes = chunkBytes;
    this.position = start.position;
    this.index = start.index;
    this.#chunkStart = start.position;
  }

  step(): Step {
    if (this.position === this.#sizeBytes) return 'end';
    if (this.#cutShort || this.position + FRAME_HEADER_BYTES > this.#sizeBytes) return 'damaged';
    const at = this.position - this.#chunkStart;
    if (at + FRAME_HEADER_BYTES > this.#chunk.length) return this.#want(FRAME_HEADER_BYTES);
    const length = frameLength(this.#chunk, at);
    const bytes = FRAME_HEADER_BYTES + length;
    if (length > RECORD_BYTES_MAX || this.position + bytes > this.#sizeBytes) return 'damaged';
    if (at + bytes > this.#chunk.length) return this.#want(bytes);
    if (!frameHolds(this.#chunk, at) || frameIndex(this.#chunk, at) !== this.index) return 'damaged';
    this.payload = frameIsErased(this.#chunk, at)
      ? NONE
      : this.#chunk.subarray(at + FRAME_HEADER_BYTES, at + bytes);
    this.payloadBytes = length;
    this.position += bytes;
    this.index++;
    return 'record';
  }

  async fill(): Promise<void> {
    const bytes = Math.min(Math.max(this.#chunkBytes, this.#wantedBytes), this.#sizeBytes - this.position);
    this.#chunk = await readFully(this.#file, this.position, bytes);
    this.#chunkStart = this.position;
    this.#cutShort = this.#chunk.length < bytes;
  }

  #want(bytes: number): Step {
    this.#wantedBytes = bytes;
    return 'fill';
  }
}

/** `bytes` bytes from `position`, fewer only where the file ends. */
export async function readFully(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const target = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(target, filled, bytes - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return target.subarray(0, filled);
}
