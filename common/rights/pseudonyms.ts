import { createHmac } from 'node:crypto';
import { pause } from '../clock.ts';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { fileSignature } from '../file-signature.ts';
import type { Logger } from '../telemetry/log.ts';
import {
  type KeyPlace,
  PLAIN_IDS,
  type PseudonymKey,
  pseudonymKeyPlace,
  readPseudonymKeys,
} from './pseudonym-keys.ts';

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
  readonly #place: KeyPlace | undefined;
  #keys: readonly PseudonymKey[];
  /** Latest first; the last one is in force from the beginning of time. */
  #generations: readonly Generation[];

  private constructor(place: KeyPlace | undefined, keys: readonly PseudonymKey[]) {
    this.#place = place;
    this.#keys = keys;
    this.#generations = generationsOf(keys);
  }

  /** Of a configuration; see `readPseudonymKeys`. */
  static open(source: ConfigSource): Pseudonyms {
    const place = pseudonymKeyPlace(source);
    return new Pseudonyms(place, place === undefined ? [PLAIN_IDS] : readPseudonymKeys(place));
  }

  /** Takes up keys that are added, until `signal` aborts; a file that has become unreadable, or lacks a key in use, changes nothing. */
  async follow(log: Logger, signal: AbortSignal): Promise<void> {
    if (this.#place === undefined) return;
    const { path } = this.#place;
    let known = await fileSignature(path);
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      const found = await fileSignature(path);
      if (found === known) continue;
      known = found;
      try {
        this.#take(readPseudonymKeys(this.#place), path);
        log.info({ keys: this.#keys.length }, 'keys of pseudonyms');
      } catch (err) {
        log.error({ err }, 'keys of pseudonyms are refused; the older ones stay in use');
      }
    }
  }

  #take(keys: readonly PseudonymKey[], path: string): void {
    const lost = this.#keys.find(
      ({ number, from, key }) =>
        !keys.some((other) => other.number === number && other.from === from && other.key === key),
    );
    if (lost !== undefined)
      throw new MillraceError(
        'CONFIG_INVALID',
        `${path}: key ${lost.number} is in use and was changed or taken out`,
      );
    this.#keys = keys;
    this.#generations = generationsOf(keys);
  }

  /** Whether people are called by their ids, at all times. */
  get arePlain(): boolean {
    return this.#place === undefined;
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

  /** A name of a person that stays when keys are added. */
  lasting(userId: string): string {
    return (this.#generations.at(-1) as Generation).nameOf(userId);
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
