import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { damaged } from './local-storage.ts';
import type { LakeStorage, StoredObject } from './storage.ts';

const COMMITS = 'manifest/commits/';
const CHECKPOINTS = 'manifest/checkpoints/';
const PLAN = 'manifest/plan.json';
/** Commits between two checkpoints. */
const CHECKPOINT_EVERY = 64;
const DIGITS = 16;

const fileSchema = z.strictObject({
  /** Key in the storage. */
  key: z.string(),
  bytes: z.number().int().positive(),
  rows: z.number().int().positive(),
});
const replacementSchema = z.strictObject({
  /** Key of a file of an earlier commit. */
  key: z.string(),
  /** What stands for it; null: nothing. */
  by: fileSchema.nullable(),
});
const commitSchema = z.strictObject({
  /** The events taken in: from the first offset, until before the second. */
  fromOffset: z.number().int().min(0),
  untilOffset: z.number().int().min(0),
  files: z.array(fileSchema),
  /** Files of earlier commits that hold fewer rows from this one on. */
  replaced: z.array(replacementSchema).optional(),
});
const checkpointSchema = z.strictObject({ commits: z.array(commitSchema) });

export type LakeFile = z.infer<typeof fileSchema>;
export type Replacement = z.infer<typeof replacementSchema>;
/** A range of the log and the files that hold it. */
export type Commit = z.infer<typeof commitSchema>;

/**
 * Which files make up the lake: a sequence of commits, `manifest/commits/<sequence>.json`, each created once and never changed.
 * Whoever creates the next one first has committed; the other one is refused. Every so often a checkpoint repeats all commits so
 * far, so that reading takes few objects. The plan names what the next commit will place, before it is placed. `commits` is the
 * lake as it stands: replacements are carried out in it.
 */
export class Manifest {
  readonly commits: Commit[];
  readonly #storage: LakeStorage;

  private constructor(storage: LakeStorage, commits: Commit[]) {
    this.#storage = storage;
    this.commits = commits;
  }

  static async read(storage: LakeStorage): Promise<Manifest> {
    const checkpoint = (await storage.list(CHECKPOINTS)).at(-1)?.key;
    const commits =
      checkpoint === undefined ? [] : (await readJson(storage, checkpoint, checkpointSchema)).commits;
    const last = commits.length === 0 ? undefined : commitKey(commits.length - 1);
    for (const { key } of await storage.list(COMMITS, last)) {
      const at = `${storage.uri}/${key}`;
      if (key !== commitKey(commits.length)) throw damaged(at, `${commitKey(commits.length)} should be here`);
      const commit = await readJson(storage, key, commitSchema);
      const expected = commits.at(-1)?.untilOffset ?? commit.fromOffset;
      if (commit.fromOffset !== expected)
        throw damaged(at, `it begins at offset ${commit.fromOffset}, not at ${expected}`);
      takeOver(commits, commit);
    }
    return new Manifest(storage, commits);
  }

  /** The first offset taken in; 0 in an empty lake. */
  get firstOffset(): number {
    return this.commits[0]?.fromOffset ?? 0;
  }

  /** One past the last offset taken in. */
  get endOffset(): number {
    return this.commits.at(-1)?.untilOffset ?? 0;
  }

  get files(): LakeFile[] {
    return this.commits.flatMap(({ files }) => files);
  }

  /** Says durably what `commit` will place. */
  async plan(commit: Commit): Promise<void> {
    await this.#storage.put(PLAN, encodeJson(commit));
  }

  /** Keys that a plan which was not carried out to its end may have left: what it placed, or what it replaced. */
  async abandoned(): Promise<string[]> {
    const bytes = await this.#storage.read(PLAN);
    if (bytes === undefined) return [];
    const { files, replaced = [] } = parseJson(this.#storage, PLAN, bytes, commitSchema);
    const planned = [
      ...files,
      ...replaced.flatMap(({ key, by }) => (by === null ? [{ key }] : [{ key }, by])),
    ];
    const committed = new Set(this.files.map(({ key }) => key));
    return planned.map(({ key }) => key).filter((key) => !committed.has(key));
  }

  async forgetPlan(): Promise<void> {
    await this.#storage.remove([PLAN]);
  }

  /** Makes the commit's files part of the lake. LAKE_BUSY if another process committed since this manifest was read. */
  async commit(commit: Commit): Promise<void> {
    const sequence = this.commits.length;
    if (!(await this.#storage.putIfAbsent(commitKey(sequence), encodeJson(commit))))
      throw new MillraceError('LAKE_BUSY', `lake: ${this.#storage.uri}: another process committed first`);
    takeOver(this.commits, commit);
    if ((sequence + 1) % CHECKPOINT_EVERY === 0) await this.#checkpoint(sequence);
  }

  async #checkpoint(sequence: number): Promise<void> {
    const key = `${CHECKPOINTS}${padded(sequence)}.json`;
    await this.#storage.put(key, encodeJson({ commits: this.commits }));
    const older = (await this.#storage.list(CHECKPOINTS)).map((object: StoredObject) => object.key);
    await this.#storage.remove(older.filter((other) => other < key).slice(0, -1));
  }
}

/** Adds a commit to those before it. */
function takeOver(commits: Commit[], { replaced = [], ...commit }: Commit): void {
  const by = new Map(replaced.map((replacement) => [replacement.key, replacement.by]));
  for (const earlier of by.size === 0 ? [] : commits)
    earlier.files = earlier.files.flatMap((file) => {
      const other = by.get(file.key);
      return other === undefined ? [file] : other === null ? [] : [other];
    });
  commits.push(commit);
}

function commitKey(sequence: number): string {
  return `${COMMITS}${padded(sequence)}.json`;
}

/** An offset or a sequence number as names hold it, so that order by name is order by number. */
export function padded(number: number): string {
  return String(number).padStart(DIGITS, '0');
}

function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

async function readJson<S extends z.ZodType>(
  storage: LakeStorage,
  key: string,
  schema: S,
): Promise<z.output<S>> {
  const bytes = await storage.read(key);
  if (bytes === undefined) throw damaged(`${storage.uri}/${key}`, 'it is missing');
  return parseJson(storage, key, bytes, schema);
}

function parseJson<S extends z.ZodType>(
  storage: LakeStorage,
  key: string,
  bytes: Uint8Array,
  schema: S,
): z.output<S> {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (error) {
    throw damaged(`${storage.uri}/${key}`, `it is no part of a manifest: ${(error as Error).message}`);
  }
}
