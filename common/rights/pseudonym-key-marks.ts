import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { replaceFile } from '../log/durable-files.ts';

const marksSchema = z.strictObject({
  keys: z.array(z.strictObject({ number: z.number().int().min(0), sha256: z.string() })).min(1),
});
type Marks = z.infer<typeof marksSchema>['keys'];

interface Key {
  readonly number: number;
  readonly key: string | null;
}

/** Where a MILLRACE_HOME remembers which keys were made: the SHA-256 of each, from which no key can be told. */
export function keyMarksPath(home: string): string {
  return join(home, 'rights', 'pseudonym-keys.marks.json');
}

/**
 * Why keys are not those that were made here: the file was lost, replaced, or put back as it was before the latest key; undefined: they
 * are. Earlier keys may have been taken out. CONFIG_INVALID, naming the file of the marks, where that is damaged.
 */
export function whyNotTheKeys(keys: readonly Key[], home: string): string | undefined {
  const marks = readMarks(home);
  const other = keys.find((key) =>
    marks.some(({ number, sha256 }) => number === key.number && sha256 !== digestOf(key)),
  );
  if (other !== undefined)
    return `key ${other.number} is another than was made; put the file back from a copy`;
  const latest = marks.at(-1);
  if (latest === undefined || keys.some(({ number }) => number === latest.number)) return undefined;
  return `key ${latest.number} was made and is not there; put the file back from a copy`;
}

/** Remembers keys, durably. The folder `rights` is there. */
export function markKeys(keys: readonly Key[], home: string): Promise<void> {
  const marks: Marks = keys.map((key) => ({ number: key.number, sha256: digestOf(key) }));
  return replaceFile(keyMarksPath(home), `${JSON.stringify({ keys: marks })}\n`);
}

function readMarks(home: string): Marks {
  const path = keyMarksPath(home);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new MillraceError('CONFIG_INVALID', (error as Error).message, { cause: error });
  }
  try {
    return marksSchema.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `${path}: is not what was written`, { cause });
  }
}

function digestOf({ key }: Key): string {
  return createHash('sha256')
    .update(key ?? '')
    .digest('hex');
}
