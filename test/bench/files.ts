import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { UsageError } from './bench.ts';

/** Bytes of `path`, or of `path.gz`, decompressed where the name ends in `.gz`; UsageError naming the file that cannot be read. */
export function readBytes(path: string): Buffer {
  const found = existsSync(path) ? path : `${path}.gz`;
  if (!existsSync(found)) throw new UsageError(`${path}[.gz]: no such file`);
  try {
    const bytes = readFileSync(found);
    return found.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  } catch (error) {
    throw new UsageError(`${found}: ${(error as Error).message}`);
  }
}

/** The same as UTF-8. */
export function readText(path: string): string {
  return readBytes(path).toString('utf8');
}
