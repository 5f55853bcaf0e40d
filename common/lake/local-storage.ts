import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { MillraceError } from '../errors.ts';
import { makeDirectory, syncDirectory, writeFully } from '../log/durable-files.ts';
import type { LakeStorage, StoredObject } from './storage.ts';

const FILES_AT_ONCE = 64;

/** A folder. */
export class LocalStorage implements LakeStorage {
  readonly uri: string;

  constructor(folder: string) {
    this.uri = folder;
  }

  async list(prefix: string, after = ''): Promise<StoredObject[]> {
    const folder = join(this.uri, prefix);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
      orNone<Dirent[]>([]),
    );
    const keys = entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => relative(this.uri, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((key) => key > after)
      .sort();
    return inTurn(keys, async (key) => ({ key, bytes: (await stat(join(this.uri, key))).size }));
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    return readFile(join(this.uri, key)).catch(orNone<undefined>(undefined));
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const draft = await this.#draft(key, bytes);
    await rename(draft, join(this.uri, key));
    await syncDirectory(dirname(draft));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const draft = await this.#draft(key, bytes);
    try {
      await link(draft, join(this.uri, key));
      await syncDirectory(dirname(draft));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async place(files: readonly { path: string; key: string }[]): Promise<void> {
    const folders = [...new Set(files.map(({ key }) => dirname(join(this.uri, key))))];
    for (const folder of folders) await makeDirectory(folder);
    await inTurn(files, async ({ path, key }) => {
      const file = await open(path, 'r+');
      await file.sync().finally(() => file.close());
      await rename(path, join(this.uri, key));
    });
    await inTurn(folders, syncDirectory);
  }

  async remove(keys: readonly string[]): Promise<void> {
    await inTurn(keys, (key) => rm(join(this.uri, key), { force: true }));
  }

  async localPaths(objects: readonly StoredObject[]): Promise<string[]> {
    return inTurn(objects, async ({ key, bytes }) => {
      const path = join(this.uri, key);
      const found = await stat(path).catch(orNone<undefined>(undefined));
      if (found === undefined) throw damaged(path, 'the manifest names it, and it is missing');
      if (found.size !== bytes)
        throw damaged(path, `it has ${found.size} bytes, not ${bytes} as when it was written`);
      return path;
    });
  }

  async outlines(objects: readonly StoredObject[]): Promise<string[]> {
    return objects.map(({ key }) => join(this.uri, key));
  }

  /** A durable file beside the object with its bytes. */
  async #draft(key: string, bytes: Uint8Array): Promise<string> {
    const path = join(this.uri, key);
    await makeDirectory(dirname(path));
    const draft = join(dirname(path), `.${randomUUID()}.tmp`);
    const file = await open(draft, 'wx');
    try {
      await writeFully(file, Buffer.from(bytes), 0);
      await file.sync();
    } finally {
      await file.close();
    }
    return draft;
  }
}

/** LAKE_DAMAGED about a file. */
export function damaged(path: string, what: string): MillraceError {
  return new MillraceError('LAKE_DAMAGED', `lake: ${path}: ${what}`, { metadata: { file: path } });
}

/** Applies `work` to all, some at once, and answers in order. */
export async function inTurn<T, R>(
  all: readonly T[],
  work: (one: T) => Promise<R>,
  atOnce = FILES_AT_ONCE,
): Promise<R[]> {
  const results = new Array<R>(all.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) {
      const at = next++;
      results[at] = await work(all[at]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  return results;
}

export function orNone<T>(none: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return none;
    throw error;
  };
}
