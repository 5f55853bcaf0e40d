import { basename } from 'node:path';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { pause } from '../../../common/clock.ts';
import { asMillraceError, MillraceError } from '../../../common/errors.ts';
import { ABSENT, fileSignature } from '../../../common/file-signature.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import { RuledItems } from '../ruled-items.ts';
import { noRules, type RuleFile, readRuleFile } from './rule-file.ts';

const POLL_MS = 500;
const OUTRANKINGS_LOGGED_MAX = 50;

export interface RuleFileOptions {
  readonly path: string;
  /** Whether it must be there at the start. */
  readonly isRequired: boolean;
  /** Sets that it must have; an empty name is none. */
  readonly sets: readonly string[];
  readonly log: Logger;
}

/**
 * Keeps the rules in force those of a file. A file that has changed and then stayed as it is for one look is read; if it is valid
 * and its rules do not contradict each other on the catalogue they are in force for the requests that begin from then on, else
 * they are refused in the log, the metric and `fault`, and the older ones serve on. So too when the file is gone.
 */
export class RuleFileFollower {
  readonly #options: RuleFileOptions;
  readonly #first: RuleFile;
  readonly #stopping = new AbortController();
  /** Of the file that was last taken or refused. */
  #signature: string | undefined;
  #fault = '';
  #items: Promise<RuledItems> | undefined;
  #following: Promise<void> | undefined;

  /** Reads the file; CONFIG_INVALID where it has a fault. */
  constructor(options: RuleFileOptions) {
    this.#options = options;
    this.#first = this.#read();
    if (this.#first === noRules) this.#signature = ABSENT;
  }

  /** Why the file as it is now is not in force; empty: it is. */
  get fault(): string {
    return this.#fault;
  }

  /**
   * The catalogue's items with the rules in force, which follow the file from then on; the same ones at every call.
   * CONFIG_INVALID where the rules contradict each other.
   */
  itemsOf(catalogue: Catalogue): Promise<RuledItems> {
    this.#items ??= this.#begin(catalogue);
    return this.#items;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
    (await this.#items)?.close();
  }

  async #begin(catalogue: Catalogue): Promise<RuledItems> {
    const items = new RuledItems(catalogue);
    try {
      await this.#use(this.#first, items);
    } catch (error) {
      items.close();
      this.#items = undefined;
      throw error;
    }
    this.#following = this.#follow(items);
    return items;
  }

  #read(): RuleFile {
    const { path, isRequired, sets } = this.#options;
    const file = readRuleFile(path, isRequired ? undefined : noRules);
    const missing = sets.filter((set) => set !== '' && !file.sets.includes(set));
    if (missing.length === 0) return file;
    const known = file.sets.length === 0 ? 'none' : file.sets.join(', ');
    throw new MillraceError(
      'CONFIG_INVALID',
      `reranking.ruleSet: ${basename(path)} has no set "${missing[0]}"; it has ${known}`,
    );
  }

  async #use(file: RuleFile, items: RuledItems): Promise<void> {
    const { log, path } = this.#options;
    const { rules, outrankings, warnings } = await items.use(file);
    metrics.rulesRefused.set(0);
    for (const warning of warnings) log.warn({ warning }, 'a rule without effect');
    const told = outrankings.slice(0, OUTRANKINGS_LOGGED_MAX);
    if (file !== noRules)
      log.info({ path, version: file.version, rules: rules.length, outrankings: told }, 'rules in force');
  }

  async #follow(items: RuledItems): Promise<void> {
    const { signal } = this.#stopping;
    let last: string | undefined;
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      const found = await fileSignature(this.#options.path);
      const hasSettled = found === last;
      last = found;
      if (!hasSettled || found === this.#signature) continue;
      this.#signature = found;
      await this.#take(items, found === ABSENT);
    }
  }

  async #take(items: RuledItems, isGone: boolean): Promise<void> {
    const { path, log } = this.#options;
    try {
      if (isGone) throw new MillraceError('CONFIG_INVALID', `${path}: the file is gone`);
      const file = this.#read();
      if (file.version !== items.rules.version) await this.#use(file, items);
      this.#fault = '';
      metrics.rulesRefused.set(0);
    } catch (thrown) {
      this.#fault = asMillraceError(thrown).message;
      metrics.rulesRefused.set(1);
      log.error(
        { path, faults: this.#fault.split('\n') },
        'the rule file is refused; the older rules serve on',
      );
    }
  }
}
