import { crc32 } from 'node:zlib';

/**
 * A record on disk, little-endian:
 *
 *     u32 length of the payload · u32 checksum · u32 index · u32 group · payload
 *
 * `index` counts records from the segment's start, so that a segment can be written before its base offset is known.
 * `group` counts records from the start of the group that was fsynced together. The checksum is zlib's CRC-32 over index,
 * group and payload, started from the length. A frame of zeros is never valid, so a zero-filled tail is not taken for records.
 * The highest bit of `group` says that the record was erased: its payload is zeros then, as many as it had bytes.
 */
export const FRAME_HEADER_BYTES = 16;

/** The longest payload, in bytes. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

const INDEX_AT = 8;
const GROUP_AT = 12;
const ERASED = 0x80000000;

export function groupBytes(records: readonly Uint8Array[]): number {
  let bytes = records.length * FRAME_HEADER_BYTES;
  for (const record of records) bytes += record.length;
  return bytes;
}

/** Throws a `RangeError` naming the record by `position` where it is longer than `RECORD_BYTES_MAX`. */
export function refuseLong(record: Uint8Array, position: number): void {
  if (record.length > RECORD_BYTES_MAX) {
    throw new RangeError(
      `record ${position} has ${record.length} bytes; at most ${RECORD_BYTES_MAX} are allowed`,
    );
  }
}

/** Frames `records` back to back. `groupStart` is the index of the first record of their group, at most `firstIndex`. */
export function encodeFrames(
  records: readonly Uint8Array[],
  firstIndex: number,
  groupStart = firstIndex,
): Buffer {
  const target = Buffer.allocUnsafe(groupBytes(records));
  let at = 0;
  for (let i = 0; i < records.length; i++) {
    const payload = records[i];
    const end = at + FRAME_HEADER_BYTES + payload.length;
    target.writeUInt32LE(payload.length, at);
    target.writeUInt32LE(firstIndex + i, at + INDEX_AT);
    target.writeUInt32LE(firstIndex + i - groupStart, at + GROUP_AT);
    target.set(payload, at + FRAME_HEADER_BYTES);
    target.writeUInt32LE(crc32(target.subarray(at + INDEX_AT, end), payload.length), at + 4);
    at = end;
  }
  return target;
}

/** The payload length that the header at `at` claims. */
export function frameLength(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at);
}

export function frameIndex(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + INDEX_AT);
}

/** The index of the first record of the frame's group. */
export function frameGroupStart(bytes: Buffer, at: number): number {
  return frameIndex(bytes, at) - (bytes.readUInt32LE(at + GROUP_AT) & ~ERASED);
}

/** Whether the record of the frame at `at` was erased. */
export function frameIsErased(bytes: Buffer, at: number): boolean {
  return (bytes.readUInt32LE(at + GROUP_AT) & ERASED) !== 0;
}

/** Erases the record of a whole frame, which keeps its length. */
export function eraseFrame(frame: Buffer): void {
  frame.fill(0, FRAME_HEADER_BYTES);
  frame.writeUInt32LE((frame.readUInt32LE(GROUP_AT) | ERASED) >>> 0, GROUP_AT);
  frame.writeUInt32LE(crc32(frame.subarray(INDEX_AT), frameLength(frame, 0)), 4);
}

/** Whether the frame at `at`, which lies wholly inside `bytes`, is as it was written. */
export function frameHolds(bytes: Buffer, at: number): boolean {
  const length = frameLength(bytes, at);
  const end = at + FRAME_HEADER_BYTES + length;
  return crc32(bytes.subarray(at + INDEX_AT, end), length) === bytes.readUInt32LE(at + 4);
}
