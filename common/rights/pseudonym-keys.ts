import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { makeDirectory, replaceFile } from '../log/durable-files.ts';
import { rightsSchema } from './config.ts';

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

/** The file that `rights.pseudonymKeys` names; undefined: ids are stored as they come. */
export function pseudonymKeysPath(source: ConfigSource): string | undefined {
  const { pseudonymKeys } = source.section('rights', rightsSchema);
  return pseudonymKeys === undefined ? undefined : resolve(source.home, pseudonymKeys);
}

/** The keys of a file, earliest first. CONFIG_INVALID, naming the file, where it is missing or not what was written. */
export function readPseudonymKeys(path: string): PseudonymKey[] {
  const text = textOf(path);
  if (text === undefined)
    throw new MillraceError(
      'CONFIG_INVALID',
      `rights.pseudonymKeys: ${path} is not there; \`millrace privacy rotate-key\` makes it`,
    );
  try {
    return fileSchema.parse(JSON.parse(text)).keys;
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MillraceError('CONFIG_INVALID', `${path}: ${why}`, { cause });
  }
}

/**
 * Adds a key that comes into force with the next month; makes the file where there is none: the first key is in force from the
 * beginning of time where nothing is stored yet. Durable on return; answers all keys.
 */
export async function rotatePseudonymKey(
  path: string,
  nowMs: number,
  isAnythingStored: boolean,
): Promise<PseudonymKey[]> {
  const isNew = textOf(path) === undefined;
  const known = isNew ? [PLAIN_IDS] : readPseudonymKeys(path);
  const from = isNew && !isAnythingStored ? FIRST_MONTH : monthAfter(nowMs + NOTICE_MS);
  const latest = known.at(-1) as PseudonymKey;
  if (!isNew && latest.from >= from)
    throw new MillraceError(
      'CONFIG_INVALID',
      `${path}: key ${latest.number} comes into force with ${latest.from} and is not used yet`,
    );
  const added = { number: latest.number + 1, from, key: randomBytes(KEY_BYTES).toString('hex') };
  const keys = from === FIRST_MONTH ? [added] : [...known, added];
  await makeDirectory(dirname(path));
  await replaceFile(path, `${JSON.stringify({ keys }, null, 2)}\n`, FILE_MODE);
  return keys;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MillraceError('CONFIG_INVALID', `rights.pseudonymKeys: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function monthAfter(timeMs: number): string {
  const date = new Date(timeMs);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)).toISOString().slice(0, 7);
}
