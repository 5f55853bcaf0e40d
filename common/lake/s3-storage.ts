import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { MillraceError } from '../errors.ts';
import { makeDirectory } from '../log/durable-files.ts';
import type { S3Config } from './config.ts';
import { damaged, inTurn, orNone } from './local-storage.ts';
import { s3Client } from './s3-client.ts';
import type { LakeStorage, StoredObject } from './storage.ts';

const REQUESTS_AT_ONCE = 16;

/** A bucket of S3. Objects that are read as files are fetched once into a folder of this machine, and stay there. */
export class S3Storage implements LakeStorage {
  readonly uri: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #fetched: string;

  constructor(config: S3Config, fetched: string) {
    const { bucket, prefix } = config;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#fetched = fetched;
    this.uri = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#client = s3Client(config);
  }

  async list(prefix: string, after?: string): Promise<StoredObject[]> {
    const objects: StoredObject[] = [];
    let token: string | undefined;
    do {
      const page = await this.#asked(() =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#prefix + prefix,
            ...(after === undefined ? {} : { StartAfter: this.#prefix + after }),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      );
      for (const { Key = '', Size = 0 } of page.Contents ?? [])
        objects.push({ key: Key.slice(this.#prefix.length), bytes: Size });
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return objects;
  }

  read(key: string): Promise<Uint8Array | undefined> {
    return this.#asked(async () => {
      try {
        const object = await this.#client.send(new GetObjectCommand(this.#named(key)));
        return await object.Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof NoSuchKey || isStatus(error, 404)) return undefined;
        throw error;
      }
    });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#asked(() => this.#client.send(new PutObjectCommand({ ...this.#named(key), Body: bytes })));
  }

  /** By a condition that Amazon's S3 keeps; servers that know none are asked whether the object is there. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#asked(async () => {
      if (await this.#exists(key)) return false;
      try {
        await this.#client.send(new PutObjectCommand({ ...this.#named(key), Body: bytes, IfNoneMatch: '*' }));
        return true;
      } catch (error) {
        if (isStatus(error, 412) || isStatus(error, 409)) return false;
        throw error;
      }
    });
  }

  async place(files: readonly { path: string; key: string }[]): Promise<void> {
    await inTurn(files, async ({ path, key }) => this.put(key, await readFile(path)), REQUESTS_AT_ONCE);
  }

  async remove(keys: readonly string[]): Promise<void> {
    const remove = async (key: string): Promise<void> => {
      await this.#asked(() => this.#client.send(new DeleteObjectCommand(this.#named(key))));
      await rm(join(this.#fetched, key), { force: true });
    };
    await inTurn(keys, remove, REQUESTS_AT_ONCE);
  }

  async localPaths(objects: readonly StoredObject[]): Promise<string[]> {
    return inTurn(objects, (object) => this.#fetch(object), REQUESTS_AT_ONCE);
  }

  async outlines(objects: readonly StoredObject[]): Promise<string[]> {
    return inTurn(objects, async ({ key }) => {
      const path = join(this.#fetched, key);
      await makeDirectory(dirname(path));
      await writeFile(path, '', { flag: 'a' });
      return path;
    });
  }

  async #fetch({ key, bytes }: StoredObject): Promise<string> {
    const path = join(this.#fetched, key);
    const found = await stat(path).catch(orNone<undefined>(undefined));
    if (found?.size === bytes) return path;
    const content = await this.read(key);
    if (content === undefined)
      throw damaged(`${this.uri}/${key}`, 'the manifest names it, and it is missing');
    if (content.length !== bytes)
      throw damaged(
        `${this.uri}/${key}`,
        `it has ${content.length} bytes, not ${bytes} as when it was written`,
      );
    const draft = join(dirname(path), `.${randomUUID()}.tmp`);
    await makeDirectory(dirname(path));
    try {
      await writeFile(draft, content);
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
    return path;
  }

  async #exists(key: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand(this.#named(key)));
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw error;
    }
  }

  #named(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  async #asked<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      const { name, message } = cause as Error;
      const what = message === '' ? name : message;
      throw new MillraceError('LAKE_UNAVAILABLE', `lake: ${this.uri}: ${what}`, { cause });
    }
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}
