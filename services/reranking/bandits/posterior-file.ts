import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause, systemClock } from '../../../common/clock.ts';
import { ABSENT, fileSignature } from '../../../common/file-signature.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import type { ExplorationConfig } from './config.ts';
import { decodePosteriors, newPosteriors, type Posteriors } from './posteriors.ts';

const POLL_MS = 500;

/** Where what bandits have learnt is published: in this folder of `MILLRACE_HOME`. */
export function banditFolder(home: string): string {
  return join(home, 'bandits');
}

export function posteriorPath(home: string): string {
  return join(banditFolder(home), 'posteriors.bin');
}

/**
 * Keeps the posteriors in force those of the published file. One that is damaged, not finite, or of other dimensions than the
 * configuration has, is refused in the log and the metric, with file and reason; the older ones serve on.
 */
export class PosteriorFile {
  readonly #config: ExplorationConfig;
  readonly #path: string;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #posteriors: Posteriors;
  #signature = ABSENT;
  #fault = '';
  #following: Promise<void> | undefined;

  private constructor(config: ExplorationConfig, home: string, log: Logger) {
    this.#config = config;
    this.#path = posteriorPath(home);
    this.#log = log;
    this.#posteriors = newPosteriors(config);
  }

  /** Reads what is published, and what will be until `stop`. */
  static async follow(config: ExplorationConfig, home: string, log: Logger): Promise<PosteriorFile> {
    const file = new PosteriorFile(config, home, log);
    await file.#look();
    file.#following = file.#run();
    return file;
  }

  get posteriors(): Posteriors {
    return this.#posteriors;
  }

  /** Why the file as it is now is not in force; empty: it is. */
  get fault(): string {
    return this.#fault;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const signature = await fileSignature(this.#path);
    if (signature !== this.#signature) {
      this.#signature = signature;
      if (signature !== ABSENT) await this.#take();
    }
    const { timeMs, version } = this.#posteriors;
    if (version !== '') metrics.posteriorAgeSeconds.set((systemClock.nowMs() - timeMs) / 1000);
  }

  #exportWeights(place: 'slots' | 'slates'): void {
    const weights = this.#posteriors[place]?.weights;
    for (const [member, halfLife] of this.#config[place]?.members.entries() ?? [])
      if (weights !== undefined) metrics.ensembleWeight.set({ place, half_life: halfLife }, weights[member]);
  }

  async #take(): Promise<void> {
    try {
      this.#posteriors = decodePosteriors(this.#config, await readFile(this.#path));
      this.#fault = '';
      metrics.posteriorRefused.set(0);
      metrics.posteriorVersion.reset();
      metrics.posteriorVersion.set({ version: this.#posteriors.version }, 1);
      this.#exportWeights('slots');
      this.#exportWeights('slates');
    } catch (error) {
      this.#fault = `${this.#path}: ${(error as Error).message}`;
      metrics.posteriorRefused.set(1);
      this.#log.error(
        { file: this.#path, err: error },
        'the posteriors are refused; the older ones serve on',
      );
    }
  }
}
