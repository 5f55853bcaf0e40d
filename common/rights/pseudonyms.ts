import { createHmac } from 'node:crypto';
import { pause } from '../clock.ts';
import type { ConfigSource } from '../config.ts';
import { fileSignature } from '../file-signature.ts';
import type { Logger } from '../telemetry/log.ts';
import { PLAIN_IDS, type PseudonymKey, pseudonymKeysPath, readPseudonymKeys } from './pseudonym-keys.ts';

const POLL_MS = 1_000;
/** Of base64url: 132 bits. */
const DIGEST_CHARS = 22;

interface Generation {
  readonly fromMs: number;
  readonly nameOf: (userId: string) => string;
}

/**
 * How people are called in all that is stored: `NUMBER.DIGEST`, HMAC-SHA256 (RFC 2104) of the id, cut to 132 bits, under the key in force
 * in the calendar month (UTC) of what is stored. In a month a person has one name; without the keys nobody can tell whose it is, nor
 * that names of different keys are one person's.
 */
export class Pseudonyms {
  readonly #path: string | undefined;
  /** Latest first; the last one is in force from the beginning of time. */
  #generations: readonly Generation[];

  private constructor(path: string | undefined, keys: readonly PseudonymKey[]) {
    this.#path = path;
    this.#generations = generationsOf(keys);
  }

  /** Of a configuration; see `readPseudonymKeys`. */
  static open(source: ConfigSource): Pseudonyms {
    const path = pseudonymKeysPath(source);
    return new Pseudonyms(path, path === undefined ? [PLAIN_IDS] : readPseudonymKeys(path));
  }

  /** Takes up keys that are added, until `signal` aborts; a file that has become unreadable changes nothing. */
  async follow(log: Logger, signal: AbortSignal): Promise<void> {
    if (this.#path === undefined) return;
    let known = await fileSignature(this.#path);
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      const found = await fileSignature(this.#path);
      if (found === known) continue;
      known = found;
      try {
        this.#generations = generationsOf(readPseudonymKeys(this.#path));
        log.info({ keys: this.#generations.length }, 'keys of pseudonyms');
      } catch (err) {
        log.error({ err }, 'keys of pseudonyms are refused; the older ones stay in use');
      }
    }
  }

  /** Whether people are called by their ids, at all times. */
  get arePlain(): boolean {
    return this.#path === undefined;
  }

  /** Equal for times that know a person by the same name. */
  periodAt(timeMs: number): number {
    const index = this.#generations.findIndex(({ fromMs }) => fromMs <= timeMs);
    return index === -1 ? this.#generations.length - 1 : index;
  }

  /** A person's name in what bears a time. */
  at(userId: string, timeMs: number): string {
    return this.#generations[this.periodAt(timeMs)].nameOf(userId);
  }

  /** The names of a person in what bears a time up to that one, latest first; at least one. */
  upTo(userId: string, timeMs: number): string[] {
    return this.#generations.slice(this.periodAt(timeMs)).map(({ nameOf }) => nameOf(userId));
  }
}

function generationsOf(keys: readonly PseudonymKey[]): Generation[] {
  return keys
    .toReversed()
    .map(({ number, from, key }) => ({ fromMs: Date.parse(from), nameOf: naming(number, key) }));
}

function naming(number: number, key: string | null): (userId: string) => string {
  if (key === null) return (userId) => userId;
  const bytes = Buffer.from(key, 'hex');
  return (userId) =>
    `${number}.${createHmac('sha256', bytes).update(userId).digest('base64url').slice(0, DIGEST_CHARS)}`;
}
