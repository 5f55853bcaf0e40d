import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { s3Client } from '../../../common/lake/s3-client.ts';
import type { SourceFile } from './files.ts';
import { isParquet } from './parquet.ts';
import { ImportError } from './report.ts';

export function isS3(path: string): boolean {
  return path.startsWith('s3://');
}

/**
 * The object that `uri` names, or every Parquet object under it, in order of their keys; names that begin with `_` or `.` are left
 * out. Region, credentials and endpoint are those of the AWS SDK's default chain (`AWS_REGION`, `AWS_ENDPOINT_URL_S3`, ...). An
 * object is on this machine's disk only while it is open. Throws `ImportError` where there is none or the server refuses.
 */
export async function s3Files(uri: string): Promise<SourceFile[]> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri) ?? [];
  if (bucket === undefined) throw new ImportError(`${uri}: is not s3://BUCKET/PREFIX`);
  const client = s3Client();
  const found: SourceFile[] = [];
  try {
    for await (const { Contents } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: key }))
      for (const { Key = '', Size = 0 } of Contents ?? [])
        if (Key === key || isUnder(Key, key)) found.push(objectFile(client, bucket, Key, Size));
  } catch (error) {
    throw faultOf(uri, error);
  }
  if (found.length === 0)
    throw new ImportError(`${uri}: there is no such object, and no .parquet object under it`);
  return found;
}

function isUnder(key: string, prefix: string): boolean {
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const names = key.slice(folder.length).split('/');
  return key.startsWith(folder) && isParquet(key) && !names.some((name) => /^[_.]/.test(name));
}

function objectFile(client: S3Client, bucket: string, key: string, bytes: number): SourceFile {
  const name = `s3://${bucket}/${key}`;
  return {
    name,
    bytes,
    async open() {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
      const path = join(folder, key);
      try {
        await mkdir(dirname(path), { recursive: true });
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        await pipeline(Body as Readable, createWriteStream(path));
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw faultOf(name, error);
      }
      return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
    },
  };
}

function faultOf(uri: string, error: unknown): ImportError {
  const { name, message } = error as Error;
  return new ImportError(`${uri}: ${message || name}`, { cause: error });
}
