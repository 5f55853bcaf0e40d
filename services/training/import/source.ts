import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ImportError } from './report.ts';

const CHUNK_BYTES = 1 << 18;

/**
 * The bytes of a file, unpacked where its name ends in `.gz`. `onBytes` is told how many bytes of the file itself each
 * step read. Throws `ImportError` naming the file where it cannot be read, and where its gzip stream is damaged or ends
 * early.
 */
export async function* readBytes(file: string, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  const packed = file.endsWith('.gz');
  const reader = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  let fileBytes = 0;
  reader.on('data', (chunk) => {
    fileBytes += chunk.length;
    onBytes(chunk.length);
  });
  const stream = packed ? pipeline(reader, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : reader;
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw readError(file, error as NodeJS.ErrnoException);
  } finally {
    stream.destroy();
    reader.destroy();
  }
  if (packed && fileBytes === 0) throw new ImportError(`${file}: truncated gzip: the file is empty`);
}

function readError(file: string, error: NodeJS.ErrnoException): ImportError {
  const damaged = error.code?.startsWith('Z_') === true;
  const reason = damaged ? `damaged or truncated gzip: ${error.message}` : error.message;
  return new ImportError(`${file}: ${reason}`, { cause: error });
}
