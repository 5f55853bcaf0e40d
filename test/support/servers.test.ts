import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { NATS, REDIS, S3, S3_BUCKET, S3_CREDENTIALS, TestServer } from './servers.ts';

describe('servers that tests start', () => {
  test.skipIf(REDIS.program === undefined)('Redis keeps what it acknowledged through a kill', async () => {
    await using server = await TestServer.start(REDIS);
    const redis = new Redis({ port: server.port });
    await redis.set('key', 'value');
    await server.kill();
    await server.restart();
    expect(await redis.get('key')).toBe('value');
    redis.disconnect();
  });

  test.skipIf(NATS.program === undefined)('NATS has JetStream', async () => {
    await using server = await TestServer.start(NATS);
    const connection = await connect({ servers: `127.0.0.1:${server.port}` });
    const manager = await jetstreamManager(connection);
    expect((await manager.getAccountInfo()).streams).toBe(0);
    await connection.close();
  });

  test('S3 answers the AWS SDK with the bytes it was given', async () => {
    await using server = await TestServer.start(S3);
    const client = new S3Client({
      endpoint: `http://127.0.0.1:${server.port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: S3_CREDENTIALS,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    await client.send(
      new PutObjectCommand({ Bucket: S3_BUCKET, Key: 'a/b=c/d', Body: Buffer.from('bytes') }),
    );
    const { Body } = await client.send(new GetObjectCommand({ Bucket: S3_BUCKET, Key: 'a/b=c/d' }));
    expect(await Body?.transformToString()).toBe('bytes');
    client.destroy();
  });
});
