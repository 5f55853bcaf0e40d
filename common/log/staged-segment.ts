import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFully } from './durable-files.ts';
import { encodeFrames, FRAME_HEADER_BYTES, refuseLong } from './frame.ts';
import { Segment } from './segment.ts';

/** What staged segments are called until they are published; opening the log deletes such files. */
export const STAGED_SUFFIX = '.staged';

const CHUNK_BYTES = 1024 * 1024;

/** Records that are durable beside the log and not yet part of it. */
export interface StagedSegment {
  readonly recordCount: number;
  /** Makes all records visible and durable at once; resolves with the offset of the first. Only once. */
  publish(): Promise<number>;
  /** Deletes them unpublished. */
  discard(): Promise<void>;
}

/** Writes and fsyncs `records` as one segment with a temporary name in `dir`. Where that fails, nothing is left behind. */
export async function writeStaged(
  dir: string,
  records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Segment> {
  const segment = new Segment(join(dir, `${randomUUID()}${STAGED_SUFFIX}`), 0);
  const file = await open(segment.path, 'wx');
  try {
    let chunk: Uint8Array[] = [];
    let chunkBytes = 0;
    const flush = async () => {
      await writeFully(file, encodeFrames(chunk, segment.count, 0), segment.bytes);
      for (const record of chunk) segment.extend(record.length);
      chunk = [];
      chunkBytes = 0;
    };
    for await (const record of records) {
      refuseLong(record, segment.count + chunk.length);
      chunk.push(record);
      chunkBytes += FRAME_HEADER_BYTES + record.length;
      if (chunkBytes >= CHUNK_BYTES) await flush();
    }
    await flush();
    await file.sync();
  } catch (error) {
    await rm(segment.path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return segment;
}
