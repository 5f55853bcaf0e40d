import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packArrays, unpackArrays } from '../../common/arrays.ts';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../common/catalogue/fold.ts';
import { CounterFold } from '../../common/features/counter-fold.ts';
import { syncDirectory } from '../../common/log/durable-files.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { foldIdentity, UserFold } from '../../common/users/fold.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import { FeatureFold } from './stage.ts';

const KIND = 'features-snapshot';
const NAME = /^snapshot-(\d{16})-([0-9a-f]{16})\.bin$/;
const UNFINISHED = '.tmp';
const KEPT = 2;

/** Snapshots of the fold in one folder, named by offset and hash. The two latest are kept. */
export class Snapshots {
  readonly #folder: string;
  readonly #limits: UserLimits;
  readonly #log: Logger;
  readonly #usersOffset: number | undefined;

  /** `usersOffset`: users are kept elsewhere, folded up to this offset. */
  constructor(folder: string, limits: UserLimits, log: Logger, usersOffset?: number) {
    this.#folder = folder;
    this.#limits = limits;
    this.#log = log;
    this.#usersOffset = usersOffset;
  }

  /**
   * The latest snapshot that is whole and not ahead of users kept elsewhere, else the empty fold. One that is damaged or was folded by
   * other rules is reported and passed over. Earlier ones are deleted: they may hold users who were forgotten since.
   */
  async load(): Promise<FeatureFold> {
    const usersOffset = this.#usersOffset ?? Number.POSITIVE_INFINITY;
    for (const name of (await this.#names()).reverse()) {
      if (Number(NAME.exec(name)?.[1]) > usersOffset) continue;
      try {
        const fold = this.#read(await readFile(join(this.#folder, name)), name);
        await this.#deleteBefore(name);
        return fold;
      } catch (error) {
        this.#log.error(
          { snapshot: name, err: error },
          'snapshot is of no use; an earlier one or the log stands in',
        );
      }
    }
    return FeatureFold.empty(this.#limits, this.#usersOffset);
  }

  /** Writes a snapshot whole or not at all, and deletes those that are no longer needed. */
  async save(fold: FeatureFold): Promise<void> {
    await this.#write(fold);
    await this.#clean();
  }

  /** Writes a snapshot and deletes all others. */
  async replace(fold: FeatureFold): Promise<void> {
    const name = await this.#write(fold);
    await this.#clean();
    for (const other of await this.#names()) if (other !== name) await rm(join(this.#folder, other));
    await syncDirectory(this.#folder);
  }

  /** Answers the file's name. */
  async #write(fold: FeatureFold): Promise<string> {
    const bytes = packArrays(
      KIND,
      { offset: fold.offset, lastBatch: fold.lastBatch, identity: foldIdentity(this.#limits) },
      {
        catalogue: fold.catalogue.serialise(),
        ...(this.#usersOffset === undefined ? { users: await fold.users.serialise(fold.offset) } : {}),
        counters: fold.counters.serialise(),
      },
    );
    await mkdir(this.#folder, { recursive: true });
    const name = `snapshot-${String(fold.offset).padStart(16, '0')}-${hashOf(bytes)}.bin`;
    const temporary = join(this.#folder, `${name}${UNFINISHED}`);
    const file = await open(temporary, 'w');
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await rename(temporary, join(this.#folder, name));
    await syncDirectory(this.#folder);
    return name;
  }

  async #deleteBefore(name: string): Promise<void> {
    for (const other of await this.#names()) if (other < name) await rm(join(this.#folder, other));
    await this.#clean();
  }

  /** Deletes what newer snapshots replace, and what a crash left half-written. */
  async #clean(): Promise<void> {
    const unfinished = (await readdir(this.#folder)).filter((file) => file.endsWith(UNFINISHED));
    for (const file of [...unfinished, ...(await this.#names()).slice(0, -KEPT)])
      await rm(join(this.#folder, file), { force: true });
  }

  #read(bytes: Buffer, name: string): FeatureFold {
    if (hashOf(bytes) !== NAME.exec(name)?.[2]) throw new Error('the bytes are not those that were written');
    const part = unpackArrays(bytes, KIND);
    const { offset, lastBatch, identity } = part.meta(
      z.object({ offset: z.number(), lastBatch: z.string(), identity: z.string() }),
    );
    if (identity !== foldIdentity(this.#limits)) throw new Error('it was folded by other rules');
    const catalogue = new CatalogueFold(Catalogue.read(part.array('catalogue', 'u8')), lastBatch);
    const users =
      this.#usersOffset === undefined
        ? UserFold.read(part.array('users', 'u8'), catalogue.catalogue, this.#limits).fold
        : new UserFold(catalogue.catalogue, this.#limits);
    const counters = CounterFold.read(part.array('counters', 'u8'));
    return new FeatureFold({ catalogue, users, counters, offset, usersOffset: this.#usersOffset ?? offset });
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter((name) => NAME.test(name)).sort();
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
