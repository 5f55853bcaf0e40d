import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { systemClock } from '../../../common/clock.ts';
import { MillraceError } from '../../../common/errors.ts';
import { CommitQueue } from '../../../common/log/commit-queue.ts';
import { makeDirectory, syncDirectory, writeFully } from '../../../common/log/durable-files.ts';
import { OwnerLock } from '../../../common/log/owner-lock.ts';
import { PrivacyAccount, type PrivacyLoss } from '../../../common/privacy/accountant.ts';
import type { PrivacyTarget } from '../../../common/privacy/mechanisms.ts';

/** One answer's cost to an analyst in each of the data windows that it is about. */
export interface Charge {
  readonly analyst: string;
  readonly windows: readonly string[];
  readonly loss: PrivacyLoss;
  /** What was asked, for whoever reads the ledger. */
  readonly query: string;
}

/** What an analyst has spent of one data window. */
export interface Spent {
  readonly window: string;
  /** At the granted δ. */
  readonly epsilon: number;
  /** The part of δ that is spent for good. */
  readonly delta: number;
  readonly queries: number;
}

const NAME = /^ledger-(\d{8,})\.jsonl$/;
/** Clocks are set by steps of less than this; a larger step back is no correction. */
const CLOCK_TOLERANCE_MS = 60_000;
/** ε and δ are sums of doubles: a budget is spent when it is exceeded by more than their rounding. */
const ROUNDING = 1e-9;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The record of what analysts have spent. A charge is durable before `charge` returns, and whatever is drawn afterwards is paid for.
 *
 * Each owner writes a file of its own, `ledger-N.jsonl`, N its epoch: a line a charge, its CRC-32 first. Who becomes the owner creates
 * the file of the next epoch, then reads those before it. Who was the owner looks for a later epoch after each write and
 * before the charge counts as made. So a charge is either read by the next owner, or refused to whom it was made for: two owners
 * at once cannot both grant. `OwnerLock` keeps a second process from taking over while the first one lives.
 */
export class Ledger {
  readonly #folder: string;
  readonly #lock: OwnerLock;
  readonly #file: FileHandle;
  readonly #epoch: number;
  readonly #accounts = new Map<string, Map<string, { account: PrivacyAccount; queries: number }>>();
  readonly #queue = new CommitQueue((lines) => this.#write(lines), WAITING_BYTES_MAX);
  #end = 0;
  #latestMs = 0;
  #lost: Error | undefined;

  private constructor(folder: string, lock: OwnerLock, file: FileHandle, epoch: number) {
    this.#folder = folder;
    this.#lock = lock;
    this.#file = file;
    this.#epoch = epoch;
  }

  /** Becomes the owner. LEDGER_UNAVAILABLE while another process is, LEDGER_DAMAGED naming file and line that cannot be read. */
  static async open(folder: string): Promise<Ledger> {
    const lock = await OwnerLock.acquire(folder).catch(async (error) => {
      if (error.code !== 'ENOENT') throw unavailable(error);
      await makeDirectory(folder);
      return OwnerLock.acquire(folder).catch((again) => Promise.reject(unavailable(again)));
    });
    try {
      const epoch = 1 + (await latestEpoch(folder));
      const file = await open(join(folder, nameOf(epoch)), 'wx').catch((error) => {
        throw unavailable(error);
      });
      await syncDirectory(folder);
      const ledger = new Ledger(folder, lock, file, epoch);
      await ledger.#readEarlier();
      return ledger;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Whether this process still owns the ledger, as far as it knows. */
  get isOwner(): boolean {
    return this.#lost === undefined;
  }

  /** Throws what `charge` would throw now, and charges nothing. */
  check({ analyst, windows, loss }: Charge, granted: PrivacyTarget): void {
    this.#checkOwner();
    if (systemClock.nowMs() < this.#latestMs - CLOCK_TOLERANCE_MS)
      throw new MillraceError(
        'CLOCK_SET_BACK',
        `the clock is before ${new Date(this.#latestMs).toISOString()}, when the ledger was last written`,
      );
    for (const window of windows) {
      const { account } = this.#accountOf(analyst, window);
      if (account.epsilon(granted.delta, loss) <= granted.epsilon * (1 + ROUNDING)) continue;
      throw budgetSpent(analyst, window, account, granted);
    }
  }

  /**
   * Charges all windows or none, durably. PRIVACY_BUDGET_SPENT with the remainder where a window does not have it,
   * LEDGER_UNAVAILABLE where it could not be made durable: then the charge may stand, and nothing may be answered.
   */
  async charge(charge: Charge, granted: PrivacyTarget): Promise<void> {
    this.check(charge, granted);
    const timeMs = Math.max(systemClock.nowMs(), this.#latestMs);
    this.#apply(charge, timeMs);
    try {
      await this.#queue.append([Buffer.from(lineOf({ timeMs, ...charge }))]);
    } catch (error) {
      this.#lost ??= error as Error;
      throw unavailable(error as Error);
    }
  }

  /** What the analyst has spent in each window that was charged. */
  spent(analyst: string, delta: number): Spent[] {
    return [...(this.#accounts.get(analyst) ?? [])]
      .map(([window, { account, queries }]) => ({
        window,
        epsilon: account.epsilon(delta),
        delta: account.delta,
        queries,
      }))
      .sort((a, b) => (a.window < b.window ? -1 : 1));
  }

  async close(): Promise<void> {
    await this.#queue.idle();
    this.#lost ??= new Error('it was closed');
    await this.#file.close();
    await this.#lock.release();
  }

  async #write(lines: Uint8Array[]): Promise<number> {
    this.#checkOwner();
    const bytes = Buffer.concat(lines);
    await writeFully(this.#file, bytes, this.#end);
    this.#end += bytes.length;
    await this.#file.datasync();
    const latest = await latestEpoch(this.#folder);
    if (latest !== this.#epoch) throw new Error(`another owner has taken over with epoch ${latest}`);
    return 0;
  }

  #checkOwner(): void {
    if (this.#lost !== undefined) throw unavailable(this.#lost);
  }

  async #readEarlier(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => epochOf(name) < this.#epoch).sort();
    for (const name of names) {
      const path = join(this.#folder, name);
      for (const { timeMs, ...charge } of readLines(await readFile(path), path)) this.#apply(charge, timeMs);
    }
  }

  #apply({ analyst, windows, loss }: Charge, timeMs: number): void {
    this.#latestMs = Math.max(this.#latestMs, timeMs);
    for (const window of windows) {
      const held = this.#accountOf(analyst, window);
      held.account.add(loss);
      held.queries++;
      const windowsOf = this.#accounts.get(analyst) ?? new Map();
      this.#accounts.set(analyst, windowsOf.set(window, held));
    }
  }

  #accountOf(analyst: string, window: string): { account: PrivacyAccount; queries: number } {
    return this.#accounts.get(analyst)?.get(window) ?? { account: new PrivacyAccount(), queries: 0 };
  }
}

function budgetSpent(
  analyst: string,
  window: string,
  account: PrivacyAccount,
  { epsilon, delta }: PrivacyTarget,
): MillraceError {
  const left = String(Math.max(0, epsilon - account.epsilon(delta)));
  const deltaLeft = String(Math.max(0, delta - account.delta));
  return new MillraceError(
    'PRIVACY_BUDGET_SPENT',
    `${analyst} has ε = ${left} and δ = ${deltaLeft} left in window ${window}; the query costs more`,
    { metadata: { window, epsilon_left: left, delta_left: deltaLeft } },
  );
}

type Line = Charge & { readonly timeMs: number };

function lineOf(line: Line): string {
  const text = JSON.stringify(line);
  return `${checksum(text)} ${text}\n`;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

/** Lines of one owner. What follows the last whole line was never acknowledged; any other fault is damage. */
function readLines(bytes: Buffer, path: string): Line[] {
  const end = bytes.lastIndexOf('\n') + 1;
  const texts = bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
  return texts.map((text, i) => {
    const content = text.slice(9);
    if (text.slice(0, 8) === checksum(content)) return JSON.parse(content) as Line;
    throw new MillraceError('LEDGER_DAMAGED', `${path}:${i + 1}: the line is damaged`, {
      metadata: { file: path, line: String(i + 1) },
    });
  });
}

async function latestEpoch(folder: string): Promise<number> {
  return Math.max(0, ...(await readdir(folder)).map(epochOf).filter(Number.isFinite));
}

/** NaN of other files. */
function epochOf(name: string): number {
  return Number(NAME.exec(name)?.[1] ?? Number.NaN);
}

function nameOf(epoch: number): string {
  return `ledger-${String(epoch).padStart(8, '0')}.jsonl`;
}

function unavailable(cause: Error): MillraceError {
  return new MillraceError('LEDGER_UNAVAILABLE', `the privacy ledger cannot be written: ${cause.message}`, {
    cause,
  });
}
