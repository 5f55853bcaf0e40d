import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeParquet } from '../../../test/support/parquet.ts';
import { S3, S3_BUCKET, S3_CREDENTIALS, TestServer } from '../../../test/support/servers.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { readDataset } from './dataset.ts';

const VARIABLES = ['AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const saved = VARIABLES.map((name) => [name, process.env[name]] as const);
let server: TestServer;
let client: S3Client;
beforeAll(async () => {
  server = await TestServer.start(S3);
  process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${server.port}`;
  process.env.AWS_REGION = 'us-east-1';
  process.env.AWS_ACCESS_KEY_ID = S3_CREDENTIALS.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = S3_CREDENTIALS.secretAccessKey;
  client = new S3Client({ forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
});
afterAll(async () => {
  for (const [name, value] of saved) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await server?.[Symbol.asyncDispose]();
});

async function put(key: string, select: string): Promise<void> {
  await using folder = await temporaryHome();
  const path = join(folder.home, 'x.parquet');
  await writeParquet(path, select);
  await client.send(new PutObjectCommand({ Bucket: S3_BUCKET, Key: key, Body: await readFile(path) }));
}

describe('s3Files', () => {
  it('reads a lake on S3: Hive folders as columns, hidden and neighbouring objects left out', async () => {
    const row = (user: string): string => `SELECT '${user}' AS user_id, 'i' AS item_id, 1000 AS timestamp`;
    await put('raw/action=view/b.parquet', row('u2'));
    await put('raw/action=like/a.parquet', row('u1'));
    await put('raw/_temporary/a.parquet', row('nobody'));
    await put('raw2/a.parquet', row('nobody'));
    const lake = await readDataset(`s3://${S3_BUCKET}/raw`);
    expect([lake.users, lake.actions]).toEqual([
      ['u1', 'u2'],
      ['like', 'view'],
    ]);
    const one = await readDataset(`s3://${S3_BUCKET}/raw2/a.parquet`);
    expect(one.users).toEqual(['nobody']);
  });

  it('names what is not there, what is damaged, and a bucket that is refused', async () => {
    await expect(readDataset(`s3://${S3_BUCKET}/nothing`)).rejects.toThrow(
      `s3://${S3_BUCKET}/nothing: there is no such object`,
    );
    await expect(readDataset('s3://no-such-bucket/x')).rejects.toThrow(/^s3:\/\/no-such-bucket\/x: .*bucket/);
    await client.send(
      new PutObjectCommand({ Bucket: S3_BUCKET, Key: 'bad/a.parquet', Body: Buffer.from('PAR1') }),
    );
    await expect(readDataset(`s3://${S3_BUCKET}/bad`)).rejects.toThrow(
      `s3://${S3_BUCKET}/bad/a.parquet: Invalid Input`,
    );
  });
});
