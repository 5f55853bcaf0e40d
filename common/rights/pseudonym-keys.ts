import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { makeDirectory, replaceFile } from '../log/durable-files.ts';
import { LogLockedError } from '../log/errors.ts';
import { OwnerLock } from '../log/owner-lock.ts';
import { rightsSchema } from './config.ts';
import { keyMarksPath, markKeys, whyNotTheKeys } from './pseudonym-key-marks.ts';

const KEY_BYTES = 32;
const FILE_MODE = 0o600;
/** A key is made at least so long before it comes into force, so that every front door has it by then. */
const NOTICE_MS = 3_600_000;
const FIRST_MONTH = '1970-01';

const keySchema = z.strictObject({
  number: z.number().int().min(0),
  /** The first month, UTC, in which it is in force. */
  from: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'is not a month as 2026-11'),
  /** 32 bytes, hexadecimal. Null: people are called by their ids. */
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is not 32 bytes in hexadecimal digits')
    .nullable(),
});
const fileSchema = z.strictObject({
  keys: z
    .array(keySchema)
    .min(1)
    .refine((keys) => keys[0].from === FIRST_MONTH, `the first key is not from ${FIRST_MONTH}`)
    .refine(
      (keys) =>
        keys.every(
          ({ from, number }, i) => i === 0 || (from > keys[i - 1].from && number > keys[i - 1].number),
        ),
      'numbers and months do not ascend',
    )
    .refine((keys) => keys.every(({ key }, i) => i === 0 || key !== null), 'a later key is null'),
});
/** One key and the month from which it is in force. */
export type PseudonymKey = z.infer<typeof keySchema>;

/** Ids as they are, at all times. */
export const PLAIN_IDS: PseudonymKey = { number: 0, from: FIRST_MONTH, key: null };

/** The file of the keys, and the MILLRACE_HOME that remembers which were made. */
export interface KeyPlace {
  readonly path: string;
  readonly home: string;
}

/** The file that `rights.pseudonymKeys` names; undefined: ids are stored as they come. */
export function pseudonymKeyPlace(source: ConfigSource): KeyPlace | undefined {
  const { home } = source;
  const { pseudonymKeys } = source.section('rights', rightsSchema);
  return pseudonymKeys === undefined ? undefined : { path: resolve(home, pseudonymKeys), home };
}

/**
 * The keys of a file, earliest first. CONFIG_INVALID, naming the file, where it is missing, not what was written, or has others than were
 * made here.
 */
export function readPseudonymKeys(place: KeyPlace): PseudonymKey[] {
  const keys = keysMade(place);
  if (keys === undefined) throw faultOf(place.path, 'is not there; `millrace privacy rotate-key` makes it');
  return keys;
}

/**
 * Adds a key that comes into force with the next month; makes the file where there never was one: the first key is in force from the
 * beginning of time where nothing is stored yet. Durable on return; answers all keys. One process at a time.
 */
export async function rotatePseudonymKey(
  place: KeyPlace,
  nowMs: number,
  isAnythingStored: boolean,
): Promise<PseudonymKey[]> {
  const folder = dirname(keyMarksPath(place.home));
  await makeDirectory(folder);
  const lock = await OwnerLock.acquire(folder).catch((error) => {
    if (!(error instanceof LogLockedError)) throw error;
    throw faultOf(place.path, `process ${error.pid} is adding a key`);
  });
  try {
    const known = keysMade(place);
    if (known !== undefined) await markKeys(known, place.home);
    const next = monthAfter(nowMs + NOTICE_MS);
    const keys =
      known === undefined && !isAnythingStored
        ? [newKey(1, FIRST_MONTH)]
        : withNext(place.path, known ?? [PLAIN_IDS], next);
    await makeDirectory(dirname(place.path));
    await replaceFile(place.path, `${JSON.stringify({ keys }, null, 2)}\n`, FILE_MODE);
    await markKeys(keys, place.home);
    return keys;
  } finally {
    await lock.release();
  }
}

/** Undefined: none was made yet. */
function keysMade({ path, home }: KeyPlace): PseudonymKey[] | undefined {
  const keys = keysIn(path);
  const why = whyNotTheKeys(keys ?? [], home);
  if (why !== undefined) throw faultOf(path, why);
  return keys;
}

function withNext(path: string, known: readonly PseudonymKey[], from: string): PseudonymKey[] {
  const latest = known.at(-1) as PseudonymKey;
  if (latest.from >= from)
    throw new MillraceError(
      'CONFIG_INVALID',
      `${path}: key ${latest.number} comes into force with ${latest.from} and is not used yet`,
    );
  return [...known, newKey(latest.number + 1, from)];
}

function newKey(number: number, from: string): PseudonymKey {
  return { number, from, key: randomBytes(KEY_BYTES).toString('hex') };
}

/** Undefined: there is no file. */
function keysIn(path: string): PseudonymKey[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MillraceError('CONFIG_INVALID', `rights.pseudonymKeys: ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return fileSchema.parse(JSON.parse(text)).keys;
  } catch (cause) {
    // What JSON.parse says quotes the file, keys and all.
    if (!(cause instanceof z.ZodError)) throw faultOf(path, 'is not JSON; put the file back from a copy');
    throw faultOf(path, z.prettifyError(cause));
  }
}

function faultOf(path: string, why: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', `rights.pseudonymKeys: ${path}: ${why}`);
}

function monthAfter(timeMs: number): string {
  const date = new Date(timeMs);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)).toISOString().slice(0, 7);
}
