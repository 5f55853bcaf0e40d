import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../../../common/clock.ts';
import { consume } from '../../../common/log/consume.ts';
import { replaceFile } from '../../../common/log/durable-files.ts';
import { LogLockedError } from '../../../common/log/errors.ts';
import { OwnerLock } from '../../../common/log/owner-lock.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { LoggingService } from '../../../common/rpc/services.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { EventKind } from '../../../gen/millrace/logging/v1/logging.ts';
import type { ExplorationConfig } from './config.ts';
import { LearnerFold } from './learner-fold.ts';
import { banditFolder, posteriorPath } from './posterior-file.ts';

const CONSUMER = 'bandits';
const STATE = 'learner.bin';
const KINDS = [EventKind.EVENT_KIND_DECISION, EventKind.EVENT_KIND_FEEDBACK];
const COMMIT_TIMEOUT_MS = 2_000;
/** How often a process that may learn asks whether nobody does. */
const SUCCESSION_MS = 5_000;

export interface LearnerOptions {
  readonly config: ExplorationConfig;
  readonly home: string;
  readonly logging: LoggingService;
  readonly log: Logger;
}

/**
 * The one process of those that share a home that learns from the log. Offset and what was learnt are one file, replaced whole: a
 * process that is killed goes on from there, and comes to the same bytes. What is published is what was saved.
 */
export class BanditLearner {
  readonly #options: LearnerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: LearnerOptions) {
    this.#options = options;
  }

  /** Learns from now on, or as soon as no other process does. */
  start(): void {
    this.#running = this.#run().catch((error) => {
      if (!this.#stopping.signal.aborted)
        this.#options.log.error({ err: error }, 'bandits no longer learn; what they have learnt serves on');
    });
  }

  /** Ends, with what was learnt saved and published. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const folder = banditFolder(this.#options.home);
    await mkdir(folder, { recursive: true });
    const lock = await this.#own(folder);
    if (lock === undefined) return;
    try {
      await this.#learn(await this.#load(join(folder, STATE)));
    } finally {
      await lock.release();
    }
  }

  /** Undefined if this ends before the folder is free. */
  async #own(folder: string): Promise<OwnerLock | undefined> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        return await OwnerLock.acquire(folder);
      } catch (error) {
        if (!(error instanceof LogLockedError)) throw error;
        await pause(SUCCESSION_MS, signal);
      }
    }
    return undefined;
  }

  async #load(path: string): Promise<LearnerFold> {
    const { config, log } = this.#options;
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes === undefined) return LearnerFold.empty(config);
    try {
      return LearnerFold.read(config, bytes);
    } catch (error) {
      log.warn(
        { file: path, err: error },
        'what bandits had learnt is of no use; the log is learnt from anew',
      );
      return LearnerFold.empty(config);
    }
  }

  async #learn(fold: LearnerFold): Promise<void> {
    const { logging, log } = this.#options;
    const { signal } = this.#stopping;
    const saving = new AbortController();
    const firstOffset = await this.#save(fold);
    if (firstOffset > fold.offset) {
      log.warn({ from: fold.offset, to: firstOffset }, 'the log no longer has what bandits have not learnt');
      fold.apply([], firstOffset);
    }
    const consumed = consume({
      logging,
      consumer: CONSUMER,
      offset: fold.offset,
      kinds: KINDS,
      handle: ({ events, nextOffset }) => fold.apply(events, nextOffset),
      signal: AbortSignal.any([signal, saving.signal]),
      log,
    }).finally(() => saving.abort());
    await Promise.all([consumed, this.#saveAll(fold, saving)]);
    await this.#save(fold);
  }

  /** Saves what changed, again and again, until `ended`; ends it where that fails. */
  async #saveAll(fold: LearnerFold, ended: AbortController): Promise<void> {
    let saved = fold.offset;
    try {
      while (!ended.signal.aborted) {
        await pause(this.#options.config.publishSeconds * 1000, ended.signal);
        if (fold.offset === saved) continue;
        saved = fold.offset;
        await this.#save(fold);
      }
    } finally {
      ended.abort();
    }
  }

  /** Answers the first offset that the log still has; 0 where it does not say. */
  async #save(fold: LearnerFold): Promise<number> {
    const { home, logging, log } = this.#options;
    const { offset } = fold;
    const posteriors = fold.posteriors();
    await replaceFile(join(banditFolder(home), STATE), fold.serialise());
    await replaceFile(posteriorPath(home), posteriors);
    try {
      const call = rootCall({ timeoutMs: COMMIT_TIMEOUT_MS });
      return (await logging.commit({ consumer: CONSUMER, offset }, call)).firstOffset;
    } catch (error) {
      log.debug({ err: error }, 'the log was not told of what is saved');
      return 0;
    }
  }
}
