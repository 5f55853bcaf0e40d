import { randomUUID } from 'node:crypto';
import { constants, copyFile, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFully } from './durable-files.ts';
import { LogDamagedError } from './errors.ts';
import { eraseFrame, FRAME_HEADER_BYTES } from './frame.ts';
import { FrameCursor, readFully } from './frame-cursor.ts';
import type { Segment } from './segment.ts';
import { STAGED_SUFFIX } from './staged-segment.ts';

const CHUNK_BYTES = 32 * 1024;

/**
 * A durable copy of the segment in `dir`, of the same length and time of writing, in which the records at `indexes`, ascending, are
 * erased. Answers its path; undefined if all of them are erased already. Opening the log deletes a copy that has not taken the
 * segment's place.
 */
export async function writeErased(
  dir: string,
  segment: Segment,
  indexes: readonly number[],
): Promise<string | undefined> {
  const path = join(dir, `${randomUUID()}${STAGED_SUFFIX}`);
  const { atime, mtime } = await stat(segment.path);
  await copyFile(segment.path, path, constants.COPYFILE_FICLONE);
  let erased = 0;
  try {
    const file = await open(path, 'r+');
    try {
      for (const index of indexes) {
        const start = segment.seek(index);
        const cursor = new FrameCursor(file, segment.bytes, CHUNK_BYTES, start);
        let position = start.position;
        while (cursor.index <= index) {
          position = cursor.position;
          const step = cursor.step();
          if (step === 'fill') await cursor.fill();
          else if (step !== 'record')
            throw new LogDamagedError(segment.path, position, 'a record is damaged');
        }
        if (cursor.payload.length === 0) continue;
        const frame = await readFully(file, position, FRAME_HEADER_BYTES + cursor.payloadBytes);
        eraseFrame(frame);
        await writeFully(file, frame, position);
        erased++;
      }
      await file.utimes(atime, mtime);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  if (erased > 0) return path;
  await rm(path, { force: true });
  return undefined;
}
