import { isUtf8 } from 'node:buffer';
import { ImportError } from './report.ts';

const LINE_BYTES_MAX = 1 << 22;
const NEWLINE = 10;

/** `text` is the line without its ending, undefined where it is not valid UTF-8; lines count from 1. */
export type OnLine = (text: string | undefined, line: number) => void;

/**
 * Cuts bytes into lines ending in LF or CRLF; the last may end with the file. A byte order mark before the first is
 * dropped. Throws `ImportError` on a line longer than 4 MiB.
 */
export async function readLines(file: string, chunks: AsyncIterable<Buffer>, onLine: OnLine): Promise<void> {
  let carry = Buffer.alloc(0);
  let line = 0;
  const emit = (bytes: Buffer): void => {
    line = emitLines(bytes, line, onLine);
  };
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0)
      emit(carry.length === 0 ? chunk.subarray(0, end) : Buffer.concat([carry, chunk.subarray(0, end)]));
    carry = Buffer.from(end > 0 ? chunk.subarray(end) : Buffer.concat([carry, chunk]));
    if (carry.length > LINE_BYTES_MAX) {
      throw new ImportError(`${file}:${line + 1}: line longer than ${LINE_BYTES_MAX} bytes`);
    }
  }
  if (carry.length > 0) emit(carry);
}

/** Decodes whole blocks of lines; only a block with a fault in it is looked at line by line. */
function emitLines(bytes: Buffer, linesBefore: number, onLine: OnLine): number {
  let line = linesBefore;
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      line++;
      onLine(trimLine(text.slice(start, end), line), line);
      start = end + 1;
    }
    return line;
  }
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const slice = bytes.subarray(start, end);
    line++;
    onLine(isUtf8(slice) ? trimLine(slice.toString('utf8'), line) : undefined, line);
    start = end + 1;
  }
  return line;
}

function trimLine(text: string, line: number): string {
  const start = line === 1 && text.startsWith('\ufeff') ? 1 : 0;
  return text.slice(start, text.endsWith('\r') ? -1 : undefined);
}
