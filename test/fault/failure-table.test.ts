import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { pause } from '../../common/clock.ts';
import { bytesOf, Columns, u32Of } from '../../common/columns.ts';
import { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type OrchestratorService } from '../../common/rpc/services.ts';
import { RetrieveResponse } from '../../gen/millrace/candidates/v1/candidates.ts';
import { GetUserStateResponse } from '../../gen/millrace/features/v1/features.ts';
import { FilterRequest, FilterResponse } from '../../gen/millrace/filtering/v1/filtering.ts';
import {
  type ExplainedCandidate,
  ExplainRequest,
  type ExplainResponse,
  FeedbackEvent,
  RecommendRequest,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { RankResponse } from '../../gen/millrace/ranking/v1/ranking.ts';
import { RerankResponse } from '../../gen/millrace/reranking/v1/reranking.ts';
import { Action, type Candidates, DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { freeAddresses, Processes } from '../support/processes.ts';
import { type Fault, StageProxy } from '../support/stage-proxy.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome, tinyPairs } from '../support/tiny-home.ts';

const SETUP_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const ATTEMPTS_MAX = 10;
const LIMIT = 10;
const USER = 'user-3';
const BLOCKED = ['item-0', 'item-1', 'item-2'];

/** The stages and the method of each that the cascade calls. */
const METHODS = {
  features: 'getUserState',
  candidates: 'retrieve',
  filtering: 'filter',
  ranking: 'rank',
  reranking: 'rerank',
} as const;
type Stage = keyof typeof METHODS;
const STAGES = Object.keys(METHODS) as Stage[];

let folder: Awaited<ReturnType<typeof temporaryHome>>;
let processes: Processes;
let channel: Channel;
let door: OrchestratorService;
const proxies = {} as Record<Stage, StageProxy>;
/** Ids that must not be shown to `USER`. */
let forbidden: ReadonlySet<string>;
let fallback: ReadonlySet<string>;
let healthy: ExplainResponse;
let stranger: ExplainResponse;

const call = (timeoutMs = 10_000) => rootCall({ timeoutMs });
const shown = ({ response }: ExplainResponse) => response?.items.map(({ itemId }) => itemId) ?? [];
const statusOf = ({ response }: ExplainResponse, stage: string) =>
  response?.stages.find((status) => status.stage === stage)?.degraded ?? [];

function explain(userId = USER): Promise<ExplainResponse> {
  return door.explain(ExplainRequest.fromPartial({ request: { userId, limit: LIMIT } }), call());
}

/** Asks until nothing is degraded. */
async function untilHealthy(): Promise<ExplainResponse> {
  const endMs = Date.now() + TEST_TIMEOUT_MS;
  for (;;) {
    const explained = await explain();
    if (explained.response?.degraded.length === 0) return explained;
    if (Date.now() > endMs) throw new Error(`still degraded: ${JSON.stringify(explained.response?.stages)}`);
    await pause(POLL_MS);
  }
}

beforeAll(async () => {
  folder = await temporaryHome();
  const world = await makeTinyHome(folder.home, { users: 60, items: 200 });
  const addresses = await freeAddresses();
  for (const stage of STAGES)
    proxies[stage] = await StageProxy.start(addresses[stage], [contracts[stage], contracts.stage]);
  const orchestratorSees = Object.fromEntries(STAGES.map((stage) => [stage, proxies[stage].address]));
  const env = { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '3000', MILLRACE__ORCHESTRATOR__QUALITY_MIN: '1' };
  processes = await Processes.start({ home: folder.home, env, orchestratorSees }, { addresses });
  channel = new Channel(addresses.orchestrator);
  door = channel.client(contracts.orchestrator);
  using features = new Channel(addresses.features);
  await features.client(contracts.features).block({ itemIds: BLOCKED, reason: 'test', untilMs: 0 }, call());
  const seen = tinyPairs(world).flatMap(([user, item]) => (user === USER ? [item] : []));
  forbidden = new Set([...BLOCKED, ...seen]);
  const bundle = await world.store.open(world.manifest.version);
  fallback = new Set(Array.from(u32Of(await bundle.read(Part.fallback)), (ordinal) => `item-${ordinal}`));
  healthy = await untilHealthy();
  stranger = await explain('a stranger');
}, SETUP_TIMEOUT_MS);

afterAll(async () => {
  channel?.close();
  await processes?.[Symbol.asyncDispose]();
  for (const proxy of Object.values(proxies)) await proxy[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const stage of STAGES) proxies[stage].set(METHODS[stage]);
  const after = await untilHealthy();
  expect(shown(after)).toEqual(shown(healthy));
}, SETUP_TIMEOUT_MS);

/** Every list, whatever failed: full, each item once, nothing that must not be shown. */
function expectSafe(explained: ExplainResponse): void {
  const ids = shown(explained);
  expect(ids.length).toBe(LIMIT);
  expect(new Set(ids).size).toBe(LIMIT);
  expect(ids.filter((id) => forbidden.has(id))).toEqual([]);
}

const scored = ({ candidates }: ExplainResponse): ExplainedCandidate[] =>
  candidates.filter(({ scores }) => scores[Columns.ranking] !== undefined);

/** What stands in for each stage, beside the reason why. */
const STAND_INS: Record<Stage, (explained: ExplainResponse) => void> = {
  features: (explained) => {
    expect(statusOf(explained, 'features')).toContain(DegradedReason.DEGRADED_REASON_USER_STATE_CACHED);
    expect(shown(explained)).toEqual(shown(healthy));
  },
  candidates: (explained) => {
    expect(statusOf(explained, 'candidates')).toContain(DegradedReason.DEGRADED_REASON_FALLBACK_LIST);
    expect(shown(explained).filter((id) => !fallback.has(id))).toEqual([]);
  },
  filtering: (explained) => expect(shown(explained)).toEqual(shown(healthy)),
  ranking: (explained) => {
    expect(scored(explained).length).toBeGreaterThan(LIMIT);
    for (const { scores } of scored(explained)) expect(scores[Columns.ranking]).toBe(scores[Columns.rrf]);
  },
  reranking: (explained) => {
    const best = scored(explained)
      .map(({ itemId, scores }) => ({ itemId, score: scores[Columns.ranking] }))
      .sort((a, b) => b.score - a.score || Number(a.itemId.slice(5)) - Number(b.itemId.slice(5)));
    expect(shown(explained)).toEqual(best.slice(0, LIMIT).map(({ itemId }) => itemId));
  },
};

async function expectStandIn(stage: Stage, reason: DegradedReason): Promise<void> {
  const explained = await explainedWith(stage, reason);
  expectSafe(explained);
  expect(statusOf(explained, stage)).toContain(reason);
  expect(explained.response?.degraded).toContain(reason);
  STAND_INS[stage](explained);
}

/** Asks again after a timeout: on a busy machine a call's time may be over before its answer, whatever that would be, is there. */
async function explainedWith(stage: Stage, reason: DegradedReason): Promise<ExplainResponse> {
  for (let attempt = 1; ; attempt++) {
    const explained = await explain();
    const reasons = statusOf(explained, stage);
    const isLate =
      reasons.includes(DegradedReason.DEGRADED_REASON_STAGE_TIMEOUT) && !reasons.includes(reason);
    if (!isLate || attempt === ATTEMPTS_MAX) return explained;
  }
}

describe.each(STAGES)('without %s', (stage) => {
  test('because it was killed: what stands in, and why', { timeout: TEST_TIMEOUT_MS }, async () => {
    await processes.kill(stage);
    try {
      await expectStandIn(stage, DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE);
    } finally {
      await processes.restart(stage);
    }
  });

  test('because it hangs: what stands in, and why', { timeout: TEST_TIMEOUT_MS }, async () => {
    processes.stop(stage);
    try {
      await expectStandIn(stage, DegradedReason.DEGRADED_REASON_STAGE_TIMEOUT);
    } finally {
      processes.resume(stage);
    }
  });

  test('because it is slow: what stands in, and why', async () => {
    proxies[stage].set(METHODS[stage], { delayMs: 5_000 });
    await expectStandIn(stage, DegradedReason.DEGRADED_REASON_STAGE_TIMEOUT);
  });

  test.each([
    ['an error of its own', new MillraceError('INTERNAL', 'broken'), 'STAGE_FAILED'],
    ['that it is overloaded', new MillraceError('OVERLOADED', 'too much'), 'STAGE_FAILED'],
    ['that the bundle is not loaded', new MillraceError('BUNDLE_NOT_LOADED', 'none'), 'STAGE_FAILED'],
    ['that it is away', new MillraceError('STAGE_UNAVAILABLE', 'away'), 'STAGE_UNAVAILABLE'],
  ] as const)('because it answers %s', async (_, error, reason) => {
    proxies[stage].set(METHODS[stage], { error });
    await expectStandIn(stage, DegradedReason[`DEGRADED_REASON_${reason}`]);
  });
});

interface Coder<M> {
  decode(bytes: Uint8Array): M;
  encode(message: M): { finish(): Uint8Array };
}

/** A fault that changes the decoded answer. */
function changed<M>(coder: Coder<M>, change: (message: M) => void): Fault['corrupt'] {
  return (answer) => {
    const message = coder.decode(answer);
    change(message);
    return Buffer.from(coder.encode(message).finish());
  };
}

/** The same with its rows, which must be there. */
function rowsChanged<M extends { candidates?: Candidates | undefined }>(
  coder: Coder<M>,
  change: (rows: Candidates) => void,
): Fault['corrupt'] {
  return changed(coder, ({ candidates }) => change(candidates as Candidates));
}

function column(rows: Candidates, name: string): { values: Buffer } {
  return rows.columns.find((known) => known.name === name) as { values: Buffer };
}

function setScore(rows: Candidates, name: string, value: number): void {
  const found = column(rows, name);
  found.values = Buffer.from(found.values);
  found.values.writeFloatLE(value, 0);
}

function swapRows(rows: Candidates): void {
  const items = u32Of(rows.item);
  [items[0], items[1]] = [items[1], items[0]];
  rows.item = bytesOf(items);
}

function setItem(rows: Candidates, row: number, ordinal: number): void {
  const items = u32Of(rows.item);
  items[row] = ordinal;
  rows.item = bytesOf(items);
}

function dropLast(rows: Candidates): void {
  rows.count -= 1;
  rows.item = rows.item.subarray(4);
  for (const each of rows.columns) each.values = each.values.subarray(4);
}

const garbage = () => Buffer.alloc(100, 0xff);
const CORRUPTIONS: [Stage, string, Fault['corrupt']][] = [
  ...STAGES.map((stage): [Stage, string, Fault['corrupt']] => [stage, 'bytes that are no message', garbage]),
  ['features', 'a damaged state', changed(GetUserStateResponse, (m) => (m.state = garbage()))],
  ['candidates', 'NaN', rowsChanged(RetrieveResponse, (rows) => setScore(rows, Columns.rrf, Number.NaN))],
  [
    'candidates',
    'an item twice',
    rowsChanged(RetrieveResponse, (rows) => setItem(rows, 0, u32Of(rows.item)[1])),
  ],
  [
    'candidates',
    'a truncated column',
    rowsChanged(RetrieveResponse, ({ columns }) => (columns[0].values = Buffer.alloc(6))),
  ],
  ['candidates', 'no fused score', rowsChanged(RetrieveResponse, (rows) => (rows.columns = []))],
  [
    'filtering',
    'an item that was not asked about',
    rowsChanged(FilterResponse, (rows) => setItem(rows, 0, 7_777_777)),
  ],
  ['filtering', 'items in another order', rowsChanged(FilterResponse, swapRows)],
  ['filtering', 'an item neither kept nor removed', rowsChanged(FilterResponse, dropLast)],
  ['ranking', 'NaN', rowsChanged(RankResponse, (rows) => setScore(rows, Columns.ranking, Number.NaN))],
  ['ranking', 'rows in another order', rowsChanged(RankResponse, swapRows)],
  ['ranking', 'a row too few', rowsChanged(RankResponse, dropLast)],
  ['ranking', 'no score', rowsChanged(RankResponse, (rows) => (rows.columns = []))],
  [
    'ranking',
    'columns of unequal length',
    rowsChanged(RankResponse, (rows) => (column(rows, Columns.ranking).values = Buffer.alloc(4))),
  ],
  [
    'reranking',
    'an item that was not asked about',
    rowsChanged(RerankResponse, (rows) => setItem(rows, 0, 7_777_777)),
  ],
  [
    'reranking',
    'an item twice',
    rowsChanged(RerankResponse, (rows) => setItem(rows, 0, u32Of(rows.item)[1])),
  ],
  [
    'reranking',
    'a propensity of 0',
    rowsChanged(RerankResponse, (rows) => setScore(rows, Columns.propensity, 0)),
  ],
  [
    'reranking',
    'a propensity of 2',
    rowsChanged(RerankResponse, (rows) => setScore(rows, Columns.propensity, 2)),
  ],
  [
    'reranking',
    'infinity',
    rowsChanged(RerankResponse, (rows) => setScore(rows, Columns.reranking, Number.POSITIVE_INFINITY)),
  ],
];

test.each(CORRUPTIONS)('%s answers %s: the answer is discarded', async (stage, _, corrupt) => {
  proxies[stage].set(METHODS[stage], corrupt === undefined ? {} : { corrupt });
  await expectStandIn(stage, DegradedReason.DEGRADED_REASON_STAGE_INVALID_RESPONSE);
});

test('a filter that lets everything through: the last look does not', async () => {
  proxies.filtering.set('filter', {
    corrupt: (_, request) => {
      const { candidates } = FilterRequest.decode(request);
      const removed = {
        count: 0,
        item: Buffer.alloc(0),
        columns: [{ name: Columns.removalReason, values: Buffer.alloc(0) }],
        itemId: [],
      };
      return Buffer.from(FilterResponse.encode(FilterResponse.fromPartial({ candidates, removed })).finish());
    },
  });
  const explained = await explain();
  expectSafe(explained);
  expect(explained.candidates.some(({ itemId }) => forbidden.has(itemId))).toBe(true);
});

test('a source that fails is named; the others answer', async () => {
  proxies.candidates.set('retrieve', {
    corrupt: changed(RetrieveResponse, ({ status, sources }) => {
      status?.degraded.push(DegradedReason.DEGRADED_REASON_SOURCE_FAILED);
      sources[0].error = 'DEADLINE_EXCEEDED';
    }) as never,
  });
  const explained = await explain();
  expectSafe(explained);
  expect(statusOf(explained, 'candidates')).toEqual([DegradedReason.DEGRADED_REASON_SOURCE_FAILED]);
  expect(Object.values(explained.sourceErrors)).toEqual(['DEADLINE_EXCEEDED']);
});

test('a user of whom nothing is known while features is away gets the answer for a stranger, unchecked', async () => {
  proxies.features.set('getUserState', { error: new MillraceError('STAGE_UNAVAILABLE', 'away') });
  const explained = await explain('user-50');
  expect(statusOf(explained, 'features')).toEqual([
    DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE,
    DegradedReason.DEGRADED_REASON_USER_STATE_MISSING,
    DegradedReason.DEGRADED_REASON_SEEN_UNCHECKED,
  ]);
  expect(shown(explained)).toEqual(shown(stranger));
});

test('without any stage the vetted list is shown, safe', async () => {
  for (const stage of STAGES)
    proxies[stage].set(METHODS[stage], { error: new MillraceError('STAGE_UNAVAILABLE', 'away') });
  const explained = await explain();
  expectSafe(explained);
  expect(shown(explained).filter((id) => !fallback.has(id))).toEqual([]);
  expect(explained.response?.stages.map(({ stage }) => stage)).toEqual([...STAGES, 'guard']);
});

test('without the log decisions are spooled and said to be, impressions are taken, the rest is refused, and all comes back', {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const event = (eventId: string, action: Action) =>
    FeedbackEvent.fromPartial({ eventId, userId: 'user-20', itemId: 'item-5', action });
  const recommend = () =>
    door.recommend(RecommendRequest.fromPartial({ userId: USER, limit: LIMIT }), call());
  await processes.kill('logging');
  const first = await recommend();
  await expect
    .poll(async () => (await recommend()).degraded, { timeout: TEST_TIMEOUT_MS, interval: POLL_MS })
    .toContain(DegradedReason.DEGRADED_REASON_LOG_SPOOLED);
  expect(first.items.map(({ itemId }) => itemId)).toEqual(shown(healthy));
  await door.recordFeedback({ events: [event('seen-away', Action.ACTION_IMPRESSION)] }, call());
  await expect(
    door.recordFeedback({ events: [event('click-away', Action.ACTION_CLICK)] }, call()),
  ).rejects.toMatchObject({ code: 14, reason: 'LOG_UNAVAILABLE' });
  await processes.restart('logging');
  await expect
    .poll(() => door.getDecision({ requestId: first.requestId }, call()).catch(() => undefined), {
      timeout: TEST_TIMEOUT_MS,
      interval: POLL_MS,
    })
    .toMatchObject({ decision: { requestId: first.requestId, userId: USER } });
  const again = ['seen-away', 'click-away'].map((id, i) =>
    event(id, i === 0 ? Action.ACTION_IMPRESSION : Action.ACTION_CLICK),
  );
  await expect
    .poll(() => door.recordFeedback({ events: again }, call()).catch(() => undefined), {
      timeout: TEST_TIMEOUT_MS,
      interval: POLL_MS,
    })
    .toBeDefined();
  expect((await door.recordFeedback({ events: again }, call())).duplicates).toEqual([true, true]);
});
