import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { Athena } from './athena.ts';

type Json = Record<string, unknown>;

/** A server that speaks Athena's JSON 1.1: answers each operation by `answers`, and keeps what it was asked. */
async function athenaServer(answers: Record<string, (body: Json) => Json | { status: number; body: Json }>) {
  const calls: { operation: string; body: Json }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const operation = String(request.headers['x-amz-target']).replace('AmazonAthena.', '');
    const body = JSON.parse(await text(request)) as Json;
    calls.push({ operation, body });
    const answer = answers[operation](body) as { status?: number; body?: Json };
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answer.status === undefined ? answer : answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const athena = new Athena({
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    database: 'millrace',
    workGroup: 'recommender',
    resultLocation: 's3://results/here/',
  });
  return {
    athena,
    calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const started = () => ({ QueryExecutionId: 'q1' });
const state = (State: string, more: Json = {}) => ({
  QueryExecution: { Status: { State, ...more }, Statistics: { DataScannedInBytes: 4_096 } },
});
const cells = (...values: (string | undefined)[]) => ({
  Data: values.map((VarCharValue) => (VarCharValue === undefined ? {} : { VarCharValue })),
});
const COLUMNS = {
  ColumnInfo: ['user', 'n', 'share', 'bytes', 'flag', 'small'].map((Name, i) => ({
    Name,
    Type: ['varchar', 'bigint', 'float', 'varbinary', 'boolean', 'integer'][i],
  })),
};

test('a query is started in its work group, polled until it ends, and paged into typed columns', async () => {
  let polls = 0;
  await using server = await athenaServer({
    StartQueryExecution: started,
    GetQueryExecution: () => state(['QUEUED', 'RUNNING', 'SUCCEEDED'][polls++]),
    GetQueryResults: ({ NextToken }) =>
      NextToken === undefined
        ? {
            NextToken: 'two',
            ResultSet: {
              ResultSetMetadata: COLUMNS,
              Rows: [
                cells('user', 'n', 'share', 'bytes', 'flag', 'small'),
                cells('a', '7', '0.1', '00 ff', 'true', '1'),
              ],
            },
          }
        : {
            ResultSet: {
              ResultSetMetadata: COLUMNS,
              Rows: [cells(undefined, undefined, undefined, undefined, 'false', '2')],
            },
          },
  });
  const answer = await server.athena.query('SELECT ?', ["o'brien", 3]);
  expect(server.calls[0]).toEqual({
    operation: 'StartQueryExecution',
    body: expect.objectContaining({
      QueryString: 'SELECT ?',
      WorkGroup: 'recommender',
      QueryExecutionContext: { Database: 'millrace' },
      ResultConfiguration: { OutputLocation: 's3://results/here/' },
      ExecutionParameters: ["'o''brien'", '3'],
    }),
  });
  expect([answer.count, answer.bytesScanned, polls]).toEqual([2, 4_096, 3]);
  expect(answer.column('user')).toEqual(['a', null]);
  expect(answer.numbers('n')).toEqual(Float64Array.of(7, Number.NaN));
  expect(answer.numbers('share')).toEqual(Float32Array.of(0.1, Number.NaN));
  expect(answer.column('bytes')).toEqual([Buffer.from([0, 255]), null]);
  expect(answer.numbers('flag')).toEqual(Float64Array.of(1, 0));
  expect(answer.numbers('small')).toEqual(Int32Array.of(1, 2));
});

test.each([
  [
    'fails in Athena',
    { GetQueryExecution: () => state('FAILED', { StateChangeReason: 'line 1:8: no column x' }) },
    'QUERY_FAILED',
    'no column x',
  ],
  [
    'is refused',
    {
      StartQueryExecution: () => ({
        status: 400,
        body: { __type: 'InvalidRequestException', message: 'mismatched input' },
      }),
    },
    'QUERY_FAILED',
    'mismatched input',
  ],
  [
    'answers a list',
    {
      GetQueryResults: () => ({
        ResultSet: {
          ResultSetMetadata: { ColumnInfo: [{ Name: 'x', Type: 'array' }] },
          Rows: [cells('x'), cells('[1]')],
        },
      }),
    },
    'QUERY_FAILED',
    'column x',
  ],
])('a query that %s says why', async (_, answers, reason, what) => {
  await using server = await athenaServer({
    StartQueryExecution: started,
    GetQueryExecution: () => state('SUCCEEDED'),
    ...(answers as object),
  });
  await expect(server.athena.query('SELECT 1')).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(what),
  });
});

test('throttling is retried, and an Athena that stays away is LAKE_UNAVAILABLE', async () => {
  let attempts = 0;
  const busy = { status: 400, body: { __type: 'ThrottlingException', message: 'slow down' } };
  await using server = await athenaServer({
    StartQueryExecution: () => (attempts++ < 2 ? busy : started()),
    GetQueryExecution: () => state('SUCCEEDED'),
    GetQueryResults: () => ({ ResultSet: { ResultSetMetadata: { ColumnInfo: [] }, Rows: [] } }),
  });
  expect((await server.athena.query('SELECT 1')).count).toBe(0);
  await server[Symbol.asyncDispose]().catch(() => {});
  await expect(server.athena.query('SELECT 1')).rejects.toMatchObject({ reason: 'LAKE_UNAVAILABLE' });
});

test('a cancelled query is stopped in Athena', async () => {
  const stopping = new AbortController();
  await using server = await athenaServer({
    StartQueryExecution: started,
    GetQueryExecution: () => {
      setTimeout(() => stopping.abort(), 20);
      return state('RUNNING');
    },
    StopQueryExecution: () => ({}),
  });
  await expect(server.athena.query('SELECT 1', [], stopping.signal)).rejects.toMatchObject({
    reason: 'CANCELLED',
  });
  expect(server.calls.at(-1)).toEqual({ operation: 'StopQueryExecution', body: { QueryExecutionId: 'q1' } });
});
