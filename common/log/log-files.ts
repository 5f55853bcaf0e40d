import type { FileHandle } from 'node:fs/promises';
import { syncDirectory } from './durable-files.ts';

/** How the log makes durable what it wrote. A proof puts a layer here that knows what a power failure would leave. */
export interface LogFiles {
  /** Makes the content of `file`, which lies at `path`, durable. */
  sync(path: string, file: FileHandle): Promise<void>;
  /** Makes creations, renames and deletions in `dir` durable. */
  syncDirectory(dir: string): Promise<void>;
}

export const diskFiles: LogFiles = {
  sync: (_path, file) => file.datasync(),
  syncDirectory,
};
