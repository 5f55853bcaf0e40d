import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { RankRequest, RankResponse } from '../../gen/millrace/ranking/v1/ranking.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { pause } from '../clock.ts';
import { bytesOf, Candidates, Columns } from '../columns.ts';
import { MillraceError } from '../errors.ts';
import { stageStatus } from '../stage.ts';
import { createLogger } from '../telemetry/log.ts';
import { type Call, rootCall } from './call.ts';
import { Channel } from './client.ts';
import { inMemory } from './memory.ts';
import { RpcServer } from './server.ts';
import { contracts, type RankingService, type RerankingService } from './services.ts';
import { fromServiceError } from './status.ts';

const log = createLogger('test');
const context = RequestContext.fromPartial({ requestId: 'r' });
const NO_FEATURES = { features: Buffer.alloc(0), featureSchema: '', countersVersion: 0 };

function ranking(rank?: RankingService['rank']): RankingService {
  return {
    rank:
      rank ??
      (async ({ candidates }) => ({
        status: stageStatus('ranking'),
        candidates: new Candidates(
          candidates.items,
          new Map([[Columns.ranking, candidates.column(Columns.rrf).map((v) => v * 3)]]),
        ),
        ...NO_FEATURES,
      })),
  };
}

async function serve(
  implementation: RankingService,
): Promise<{ channel: Channel; port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const server = new RpcServer({ log });
  server.add(contracts.ranking, implementation);
  const port = await server.listen('127.0.0.1:0');
  const channel = new Channel(`127.0.0.1:${port}`);
  return {
    channel,
    port,
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server.drain(200);
    },
  };
}

function someCandidates(): Candidates {
  return new Candidates(Uint32Array.of(7, 3, 9), new Map([[Columns.rrf, Float32Array.of(0.1, 0.2, 0.3)]]));
}

/** Sends bytes as they are and answers the error. */
function sendRaw(port: number, method: string, bytes: Buffer): Promise<MillraceError> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method,
      (b: Buffer) => b,
      (b: Buffer) => b,
      bytes,
      new Metadata(),
      { deadline: Date.now() + 5_000 },
      (error: ServiceError | null) => {
        client.close();
        if (error) resolve(fromServiceError(error));
        else reject(new Error('the call succeeded'));
      },
    );
  });
}

const PATH = '/millrace.ranking.v1.RankingService/Rank';

function encoded(candidates: object): Buffer {
  return Buffer.from(RankRequest.encode(RankRequest.fromPartial({ context, candidates })).finish());
}

test('a socket and memory give the same bits', async () => {
  await using served = await serve(ranking());
  const request = { context, candidates: someCandidates(), wantsFeatures: false };
  const overSocket = await served.channel
    .client(contracts.ranking)
    .rank(request, rootCall({ timeoutMs: 5_000 }));
  const inProcess = await inMemory(contracts.ranking, ranking()).rank(
    request,
    rootCall({ timeoutMs: 5_000 }),
  );
  expect(overSocket.candidates.items).toEqual(inProcess.candidates.items);
  expect(bytesOf(overSocket.candidates.column(Columns.ranking))).toEqual(
    bytesOf(inProcess.candidates.column(Columns.ranking)),
  );
});

test.each([
  [
    'NaN in a column',
    {
      count: 1,
      item: Buffer.alloc(4),
      columns: [{ name: 'a', values: bytesOf(Float32Array.of(Number.NaN)) }],
    },
    'candidates.columns[0].values',
  ],
  [
    'columns of unequal length',
    { count: 2, item: bytesOf(Uint32Array.of(1, 2)), columns: [{ name: 'a', values: Buffer.alloc(4) }] },
    'candidates.columns[0].values',
  ],
  [
    'a truncated column',
    { count: 1, item: Buffer.alloc(4), columns: [{ name: 'a', values: Buffer.alloc(3) }] },
    'candidates.columns[0].values',
  ],
  ['truncated items', { count: 2, item: Buffer.alloc(7), columns: [] }, 'candidates.item'],
  ['an ordinal twice', { count: 2, item: Buffer.alloc(8), columns: [] }, 'candidates.item'],
  ['a column twice', { count: 0, columns: [{ name: 'a' }, { name: 'a' }] }, 'candidates.columns[1].name'],
  ['a bad column name', { count: 0, columns: [{ name: 'A b' }] }, 'candidates.columns[0].name'],
])('%s is refused with the field, and the next call is served', async (_, candidates, field) => {
  await using served = await serve(ranking());
  const error = await sendRaw(served.port, PATH, encoded(candidates));
  expect([error.code, error.reason, error.violations[0]?.field]).toEqual([
    status.INVALID_ARGUMENT,
    'COLUMNS_INVALID',
    field,
  ]);
  await served.channel
    .client(contracts.ranking)
    .rank({ context, candidates: someCandidates(), wantsFeatures: false }, rootCall({ timeoutMs: 5_000 }));
});

test('bytes that are no message, a message too large, an unknown method: each its own reason', async () => {
  await using served = await serve(ranking());
  expect((await sendRaw(served.port, PATH, Buffer.from([0xff, 0xff, 0xff]))).reason).toBe(
    'MESSAGE_MALFORMED',
  );
  expect((await sendRaw(served.port, PATH, Buffer.alloc(5_000_000))).reason).toBe('MESSAGE_TOO_LARGE');
  expect((await sendRaw(served.port, `${PATH}Nothing`, Buffer.alloc(0))).reason).toBe('METHOD_UNKNOWN');
});

test.each(['socket', 'memory'])(
  'a handler that never answers ends at the deadline, and knows (%s)',
  async (transport) => {
    let seen: Call | undefined;
    const stuck = ranking((_, call) => {
      seen = call;
      return new Promise(() => {});
    });
    await using served = await serve(stuck);
    const client =
      transport === 'socket' ? served.channel.client(contracts.ranking) : inMemory(contracts.ranking, stuck);
    const deadlineMs = Date.now() + 60;
    const call = { ...rootCall(), deadlineMs };
    await expect(
      client.rank({ context, candidates: someCandidates(), wantsFeatures: false }, call),
    ).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
    expect(seen?.deadlineMs).toBeLessThan(deadlineMs + 1_000);
  },
);

test.each(['socket', 'memory'])('cancellation reaches the handler (%s)', async (transport) => {
  const controller = new AbortController();
  let aborted: () => void = () => {};
  const handlerAborted = new Promise<void>((resolve) => {
    aborted = resolve;
  });
  const stuck = ranking((_, call) => {
    call.signal.addEventListener('abort', aborted);
    setTimeout(() => controller.abort(), 20);
    return new Promise(() => {});
  });
  await using served = await serve(stuck);
  const client =
    transport === 'socket' ? served.channel.client(contracts.ranking) : inMemory(contracts.ranking, stuck);
  const call = rootCall({ signal: controller.signal, timeoutMs: 5_000 });
  await expect(
    client.rank({ context, candidates: someCandidates(), wantsFeatures: false }, call),
  ).rejects.toMatchObject({
    reason: 'CANCELLED',
  });
  await handlerAborted;
});

test.each(['socket', 'memory'])('the signal of an answered call stays silent (%s)', async (transport) => {
  const signals: AbortSignal[] = [];
  const kept = ranking(async ({ candidates }, { signal }) => {
    signals.push(signal);
    return {
      status: undefined,
      candidates: candidates.with(Columns.ranking, new Float32Array(candidates.count)),
      ...NO_FEATURES,
    };
  });
  await using served = await serve(kept);
  const client =
    transport === 'socket' ? served.channel.client(contracts.ranking) : inMemory(contracts.ranking, kept);
  for (let i = 0; i < 3; i++)
    await client.rank(
      { context, candidates: someCandidates(), wantsFeatures: false },
      rootCall({ timeoutMs: 5_000 }),
    );
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
});

test.each(['socket', 'memory'])('an error keeps its reason, metadata and fields (%s)', async (transport) => {
  const failing = ranking(async () => {
    throw new MillraceError('BUNDLE_NOT_LOADED', 'bundle x is not loaded', { metadata: { bundle: 'x' } });
  });
  await using served = await serve(failing);
  const client =
    transport === 'socket' ? served.channel.client(contracts.ranking) : inMemory(contracts.ranking, failing);
  const call = client.rank(
    { context, candidates: someCandidates(), wantsFeatures: false },
    rootCall({ timeoutMs: 5_000 }),
  );
  await expect(call).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    reason: 'BUNDLE_NOT_LOADED',
    metadata: { bundle: 'x' },
  });
});

const FEATURES = { features: Buffer.alloc(24), featureSchema: 'f' };

test.each([
  ['socket', 'items in another order', { reversed: true }],
  ['memory', 'items in another order', { reversed: true }],
  ['socket', 'features that are no rows', { ...FEATURES, features: Buffer.alloc(20) }],
  ['memory', 'features that are no rows', { ...FEATURES, features: Buffer.alloc(20) }],
  ['memory', 'features of no schema', { ...FEATURES, featureSchema: '' }],
] as const)('a response that breaks the contract is refused (%s: %s)', async (transport, _, broken) => {
  const { reversed, ...fields } = { reversed: false, ...broken };
  const breaking = ranking(async ({ candidates: { items, count } }) => ({
    status: stageStatus('ranking'),
    candidates: new Candidates(
      reversed ? items.toReversed() : items,
      new Map([[Columns.ranking, new Float32Array(count)]]),
    ),
    ...NO_FEATURES,
    ...fields,
  }));
  await using served = await serve(breaking);
  const client =
    transport === 'socket' ? served.channel.client(contracts.ranking) : inMemory(contracts.ranking, breaking);
  const call = client.rank(
    { context, candidates: someCandidates(), wantsFeatures: false },
    rootCall({ timeoutMs: 5_000 }),
  );
  await expect(call).rejects.toMatchObject({ code: status.INTERNAL, reason: 'RESPONSE_INVALID' });
});

test('a non-finite score from a foreign stage is refused', async () => {
  const server = new Server();
  const bytes = RankResponse.encode(
    RankResponse.fromPartial({
      candidates: {
        count: 1,
        item: Buffer.alloc(4),
        columns: [{ name: 'score.ranking', values: bytesOf(Float32Array.of(Number.POSITIVE_INFINITY)) }],
      },
    }),
  ).finish();
  const same = (b: Buffer): Buffer => b;
  server.addService(
    {
      rank: {
        path: PATH,
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    { rank: (_: unknown, done: (error: null, response: Buffer) => void) => done(null, Buffer.from(bytes)) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, p) =>
      error ? reject(error) : resolve(p),
    ),
  );
  using channel = new Channel(`127.0.0.1:${port}`);
  const call = channel
    .client(contracts.ranking)
    .rank(
      { context, candidates: new Candidates(Uint32Array.of(0)), wantsFeatures: false },
      rootCall({ timeoutMs: 5_000 }),
    );
  await expect(call).rejects.toMatchObject({ reason: 'RESPONSE_INVALID' });
  server.forceShutdown();
});

test('a stream is delivered in order and ends when the caller goes away', async () => {
  let ended = false;
  const policy: RerankingService = {
    rerank: async () => {
      throw new Error('not called');
    },
    watchPolicy: async function* ({ version }, call) {
      try {
        for (let i = 0; !call.signal.aborted; i++) {
          yield { version: `${version}${i}` };
          await pause(1);
        }
      } finally {
        ended = true;
      }
    },
  };
  const server = new RpcServer({ log });
  server.add(contracts.reranking, policy);
  const port = await server.listen('127.0.0.1:0');
  using channel = new Channel(`127.0.0.1:${port}`);
  const versions: string[] = [];
  for await (const { version } of channel
    .client(contracts.reranking)
    .watchPolicy({ version: 'v' }, rootCall())) {
    versions.push(version);
    if (versions.length === 5) break;
  }
  expect(versions).toEqual(['v0', 'v1', 'v2', 'v3', 'v4']);
  await expect.poll(() => ended).toBe(true);
  await server.drain(200);
});

test('UNAVAILABLE is retried within the deadline and then reported', async () => {
  using channel = new Channel('127.0.0.1:1');
  const call = channel
    .client(contracts.ranking)
    .rank({ context, candidates: someCandidates(), wantsFeatures: false }, rootCall({ timeoutMs: 3_000 }));
  await expect(call).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    reason: 'STAGE_UNAVAILABLE',
    message: 'no connection: connect ECONNREFUSED 127.0.0.1:1 (nothing listens there; is Millrace running?)',
  });
});

test('a socket file that a killed process left behind is taken over, one in use is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-rpc-'));
  const path = join(folder, 'stage.sock');
  const holder = spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  expect(holder.signal).toBe('SIGKILL');
  await using first = new RpcServer({ log });
  await first.listen(`unix:${path}`);
  await using second = new RpcServer({ log });
  await expect(second.listen(`unix:${path}`)).rejects.toThrow();
  await rm(folder, { recursive: true });
});
