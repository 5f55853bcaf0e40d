import { systemClock } from '../../../common/clock.ts';
import { MillraceError } from '../../../common/errors.ts';
import { CommitQueue } from '../../../common/log/commit-queue.ts';
import { makeDirectory } from '../../../common/log/durable-files.ts';
import { diskFiles, type LogFiles } from '../../../common/log/log-files.ts';
import { OwnerLock } from '../../../common/log/owner-lock.ts';
import { PrivacyAccount } from '../../../common/privacy/accountant.ts';
import type { PrivacyTarget } from '../../../common/privacy/mechanisms.ts';
import {
  type Charge,
  type ChargeLine,
  chargeLine,
  epochsIn,
  LedgerFile,
  LedgerReader,
} from './ledger-file.ts';

/** What an analyst has spent of one data window. */
export interface Spent {
  readonly window: string;
  /** At the granted δ. */
  readonly epsilon: number;
  /** The part of δ that is spent for good. */
  readonly delta: number;
  readonly queries: number;
}

/** Clocks are set by steps of less than this; a larger step back is no correction. */
const CLOCK_TOLERANCE_MS = 60_000;
/** ε and δ are sums of doubles: a budget is spent when it is exceeded by more than their rounding. */
const ROUNDING = 1e-9;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The record of what analysts have spent. A charge is durable before `charge` returns, and whatever is drawn afterwards is paid for.
 *
 * Each owner writes a file of its own, N its epoch. Who becomes the owner creates the file of the next epoch, then reads those before
 * it. Who was the owner looks for a later epoch after each write and before the charge counts as made. So a charge is either read by
 * the next owner, or refused to whom it was made for: two owners at once cannot both grant. `OwnerLock` keeps a second process from
 * taking over while the first one lives.
 */
export class Ledger {
  /** That of this owner's file. */
  readonly epoch: number;
  readonly #folder: string;
  readonly #lock: OwnerLock;
  readonly #file: LedgerFile;
  readonly #accounts: Accounts;
  readonly #queue = new CommitQueue((lines) => this.#write(lines), WAITING_BYTES_MAX);
  #lost: Error | undefined;

  private constructor(
    epoch: number,
    {
      folder,
      lock,
      file,
      accounts,
    }: { folder: string; lock: OwnerLock; file: LedgerFile; accounts: Accounts },
  ) {
    this.epoch = epoch;
    this.#folder = folder;
    this.#lock = lock;
    this.#file = file;
    this.#accounts = accounts;
  }

  /**
   * Becomes the owner. `after`: an epoch that is known to be there; 0: the folder may be new. LEDGER_UNAVAILABLE while another
   * process is the owner or the folder cannot be used, LEDGER_DAMAGED naming file and line where a charge is missing or altered.
   */
  static async open(
    folder: string,
    { after = 0, files = diskFiles }: { after?: number; files?: LogFiles } = {},
  ): Promise<Ledger> {
    let lock: OwnerLock | undefined;
    try {
      if (after === 0) await makeDirectory(folder);
      lock = await OwnerLock.acquire(folder);
      const accounts = new Accounts();
      const reader = new LedgerReader(folder);
      const latest = Math.max(after, (await epochsIn(folder)).at(-1) ?? 0);
      // Damage is found before a file is created, so that tries in vain leave none.
      await reader.advance(latest, (charge) => accounts.add(charge));
      const file = await LedgerFile.create(folder, latest + 1, files);
      const ledger = new Ledger(latest + 1, { folder, lock, file, accounts });
      await reader
        .advance(latest, (charge) => accounts.add(charge))
        .catch(async (error) => {
          await file.close();
          throw error;
        });
      return ledger;
    } catch (error) {
      await lock?.release();
      throw error instanceof MillraceError && error.reason === 'LEDGER_DAMAGED'
        ? error
        : unavailable(error as Error);
    }
  }

  /** Whether this process still owns the ledger, as far as it knows. */
  get isOwner(): boolean {
    return this.#lost === undefined;
  }

  /** Throws what `charge` would throw now, and charges nothing. */
  check({ analyst, windows, loss }: Charge, granted: PrivacyTarget): void {
    this.#checkOwner();
    const { latestMs } = this.#accounts;
    if (systemClock.nowMs() < latestMs - CLOCK_TOLERANCE_MS)
      throw new MillraceError(
        'CLOCK_SET_BACK',
        `the clock is before ${new Date(latestMs).toISOString()}, when the ledger was last written`,
      );
    for (const window of windows) {
      const { account } = this.#accounts.of(analyst, window);
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
    const line = { timeMs: Math.max(systemClock.nowMs(), this.#accounts.latestMs), ...charge };
    this.#accounts.add(line);
    await this.#queue.append([chargeLine(line)]).catch((error) => {
      throw unavailable(error);
    });
  }

  /** What the analyst has spent in each window that was charged. */
  spent(analyst: string, delta: number): Spent[] {
    return this.#accounts.spent(analyst, delta);
  }

  async close(): Promise<void> {
    await this.#queue.idle();
    this.#lost ??= new Error('it was closed');
    await this.#file.close();
    await this.#lock.release();
  }

  async #write(lines: Uint8Array[]): Promise<number> {
    this.#checkOwner();
    try {
      await this.#file.append(Buffer.concat(lines));
      const latest = (await epochsIn(this.#folder)).at(-1) ?? 0;
      if (latest !== this.epoch) throw new Error(`another owner has taken over with epoch ${latest}`);
      return 0;
    } catch (error) {
      this.#lost ??= error as Error;
      throw error;
    }
  }

  #checkOwner(): void {
    if (this.#lost !== undefined) throw unavailable(this.#lost);
  }
}

/** What every analyst has spent of every data window. */
class Accounts {
  /** When the latest charge was made. */
  latestMs = 0;
  readonly #held = new Map<string, Map<string, { account: PrivacyAccount; queries: number }>>();

  add({ analyst, windows, loss, timeMs }: ChargeLine): void {
    this.latestMs = Math.max(this.latestMs, timeMs);
    for (const window of windows) {
      const held = this.of(analyst, window);
      held.account.add(loss);
      held.queries++;
      const windowsOf = this.#held.get(analyst) ?? new Map();
      this.#held.set(analyst, windowsOf.set(window, held));
    }
  }

  of(analyst: string, window: string): { account: PrivacyAccount; queries: number } {
    return this.#held.get(analyst)?.get(window) ?? { account: new PrivacyAccount(), queries: 0 };
  }

  /** By window. */
  spent(analyst: string, delta: number): Spent[] {
    return [...(this.#held.get(analyst) ?? [])]
      .map(([window, { account, queries }]) => ({
        window,
        epsilon: account.epsilon(delta),
        delta: account.delta,
        queries,
      }))
      .sort((a, b) => (a.window < b.window ? -1 : 1));
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
    `${analyst} has ε = ${left} and δ = ${deltaLeft} left in window ${window}; the query costs more: ask with a smaller epsilon, or about another month`,
    { metadata: { window, epsilon_left: left, delta_left: deltaLeft } },
  );
}

function unavailable(cause: Error): MillraceError {
  return new MillraceError('LEDGER_UNAVAILABLE', `the privacy ledger cannot be written: ${cause.message}`, {
    cause,
  });
}
