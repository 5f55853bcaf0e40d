import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { MillraceError } from '../../../common/errors.ts';
import { writeFully } from '../../../common/log/durable-files.ts';
import { readFully } from '../../../common/log/frame-cursor.ts';
import type { LogFiles } from '../../../common/log/log-files.ts';
import type { PrivacyLoss } from '../../../common/privacy/accountant.ts';

/** One answer's cost to an analyst in each of the data windows that it is about. */
export interface Charge {
  readonly analyst: string;
  readonly windows: readonly string[];
  readonly loss: PrivacyLoss;
  /** What was asked, for whoever reads the ledger. */
  readonly query: string;
}

/** A charge and when it was made. */
export type ChargeLine = Charge & { readonly timeMs: number };

const NAME = /^ledger-(\d{8,})\.jsonl$/;
const CRC_CHARS = 8;
const NEWLINE = 0x0a;
/** Longer than any line. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * What one owner of the ledger writes, `ledger-N.jsonl`, N its epoch. A line is the CRC-32 of a JSON text and that text. The first one is
 * the mark: up to which byte charges were granted. It is made durable after the charges that it takes in and before
 * any of them counts as granted. Hence no charge behind the mark bought anything, whatever a crash left there, and nothing before it may be
 * missing or altered.
 */
export class LedgerFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #files: LogFiles;
  #end: number;

  private constructor(path: string, file: FileHandle, files: LogFiles, end: number) {
    this.#path = path;
    this.#file = file;
    this.#files = files;
    this.#end = end;
  }

  /** A new file with its mark, durable, or none: fails with EEXIST where the epoch has an owner. */
  static async create(folder: string, epoch: number, files: LogFiles): Promise<LedgerFile> {
    const path = join(folder, nameOf(epoch));
    const draft = join(folder, `ledger-${randomUUID()}.tmp`);
    const file = await open(draft, 'wx');
    try {
      await writeFully(file, markLine(MARK_BYTES), 0);
      await files.sync(path, file);
      await link(draft, path);
      await files.syncDirectory(folder);
      return new LedgerFile(path, file, files, MARK_BYTES);
    } catch (error) {
      await file.close();
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Makes lines durable, then the mark that takes them in. After a failure the file may not be written to again. */
  async append(lines: Buffer): Promise<void> {
    await writeFully(this.#file, lines, this.#end);
    await this.#files.sync(this.#path, this.#file);
    this.#end += lines.length;
    await writeFully(this.#file, markLine(this.#end), 0);
    await this.#files.sync(this.#path, this.#file);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The line of a charge. */
export function chargeLine(charge: ChargeLine): Buffer {
  return lineOf(JSON.stringify(charge));
}

/** Epochs of the files in `folder`, ascending. */
export async function epochsIn(folder: string): Promise<number[]> {
  const epochs = (await readdir(folder)).flatMap((name) => NAME.exec(name)?.slice(1).map(Number) ?? []);
  return epochs.sort((a, b) => a - b);
}

/** Reads every owner's file, each from where it was read to before. */
export class LedgerReader {
  readonly #folder: string;
  readonly #places = new Map<number, Place>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Hands over what the files of the epochs up to `last` have more than before, in order. LEDGER_DAMAGED naming a file that is missing, or the line
   * where one that was granted is missing or altered. What follows the mark counts as far as its lines are whole.
   */
  async advance(last: number, take: (charge: ChargeLine) => void): Promise<void> {
    const present = new Set(await epochsIn(this.#folder));
    for (let epoch = 1; epoch <= last; epoch++) {
      const path = join(this.#folder, nameOf(epoch));
      if (!present.has(epoch))
        throw new MillraceError('LEDGER_DAMAGED', `${path} is missing`, { metadata: { file: path } });
      this.#places.set(epoch, await readOn(path, this.#places.get(epoch) ?? START, take));
    }
  }
}

/** How far a file was read: bytes, and whole lines in them. */
interface Place {
  readonly bytes: number;
  readonly lines: number;
}

async function readOn(path: string, from: Place, take: (charge: ChargeLine) => void): Promise<Place> {
  const file = await open(path, 'r');
  try {
    const granted = await grantedBytes(file);
    let { bytes, lines } = from;
    for (let isWhole = granted !== undefined; isWhole; ) {
      const size = (await file.stat()).size;
      const chunk = await readFully(file, bytes, Math.min(CHUNK_BYTES, size - bytes));
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const content = contentOf(chunk.subarray(start, end));
        if (!isCharge(content)) break;
        take(content);
        start = end + 1;
        lines++;
      }
      bytes += start;
      isWhole = start > 0;
    }
    if (granted !== undefined && bytes >= granted) return { bytes, lines };
    const line = granted === undefined ? 1 : lines + 1;
    throw new MillraceError(
      'LEDGER_DAMAGED',
      `${path}:${line}: what was granted is damaged or missing here; put the file back as it was`,
      { metadata: { file: path, line: String(line) } },
    );
  } finally {
    await file.close();
  }
}

/** What the mark says; undefined where it is damaged. */
async function grantedBytes(file: FileHandle): Promise<number | undefined> {
  const line = await readFully(file, 0, MARK_BYTES);
  const { granted } = (contentOf(line.subarray(0, -1)) ?? {}) as { granted?: number };
  return granted;
}

/** What a line says; undefined where it is damaged. */
function contentOf(line: Buffer): unknown {
  const content = line.subarray(CRC_CHARS + 1);
  if (line.toString('latin1', 0, CRC_CHARS + 1) !== `${checksum(content)} `) return undefined;
  return JSON.parse(content.toString());
}

function isCharge(content: unknown): content is ChargeLine {
  const { timeMs, analyst, windows, loss } = (content ?? {}) as Partial<ChargeLine>;
  return (
    typeof analyst === 'string' &&
    Array.isArray(windows) &&
    Array.isArray(loss?.pure) &&
    [timeMs, loss.rho, loss.delta, ...loss.pure.flatMap(({ epsilon, times }) => [epsilon, times])].every(
      (number) => Number.isFinite(number) && (number as number) >= 0,
    )
  );
}

function nameOf(epoch: number): string {
  return `ledger-${String(epoch).padStart(8, '0')}.jsonl`;
}

/** The mark's line, of the same length whatever it says. */
function markLine(granted: number): Buffer {
  return lineOf(`{"granted":${String(granted).padStart(16)}}`);
}

const MARK_BYTES = markLine(0).length;
/** Behind the mark. */
const START: Place = { bytes: MARK_BYTES, lines: 1 };

function lineOf(text: string): Buffer {
  return Buffer.from(`${checksum(text)} ${text}\n`);
}

function checksum(content: string | Buffer): string {
  return crc32(content).toString(16).padStart(CRC_CHARS, '0');
}
