import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bytesOf, Candidates, Columns } from '../../common/columns.ts';
import { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type OrchestratorService } from '../../common/rpc/services.ts';
import { RetrieveRequest } from '../../gen/millrace/candidates/v1/candidates.ts';
import { FilterRequest } from '../../gen/millrace/filtering/v1/filtering.ts';
import {
  FeedbackEvent,
  RecommendRequest,
  RecordFeedbackRequest,
  SimilarItemsRequest,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { RankRequest } from '../../gen/millrace/ranking/v1/ranking.ts';
import { RerankRequest } from '../../gen/millrace/reranking/v1/reranking.ts';
import { Action, RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { Wire } from '../contract/wire.ts';
import { Processes, SERVICES } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const SETUP_TIMEOUT_MS = 120_000;
const DOOR = '/millrace.orchestrator.v1.OrchestratorService';
const RANK = '/millrace.ranking.v1.RankingService/Rank';
const MEGABYTE = 1024 * 1024;

let folder: Awaited<ReturnType<typeof temporaryHome>>;
let processes: Processes;
let channel: Channel;
let door: OrchestratorService;
let pids: (number | undefined)[];

const call = (timeoutMs = 10_000) => rootCall({ timeoutMs });
const good = RecommendRequest.fromPartial({ userId: 'user-1', limit: 10 });
const asking = (fields: object) => RecommendRequest.fromPartial({ ...good, ...fields });
const ids = (count: number) => Array.from({ length: count }, (_, i) => `item-${i}`);
const pidsNow = () => SERVICES.map((name) => processes.pid(name));

beforeAll(async () => {
  folder = await temporaryHome();
  await makeTinyHome(folder.home);
  const env = { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000' };
  processes = await Processes.start({ home: folder.home, env });
  channel = new Channel(processes.addresses.orchestrator);
  door = channel.client(contracts.orchestrator);
  pids = pidsNow();
}, SETUP_TIMEOUT_MS);

afterAll(async () => {
  channel?.close();
  await processes?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  const { items, stages } = await door.recommend(good, call());
  expect(items.length).toBe(10);
  expect(stages.flatMap(({ degraded }) => degraded)).toEqual([]);
  expect(pidsNow()).toEqual(pids);
});

/** The error that the front door or a stage answers to bytes. */
async function refusal(
  address: string,
  path: string,
  bytes: Uint8Array,
): Promise<Pick<MillraceError, 'code' | 'reason' | 'violations'>> {
  using wire = new Wire(address);
  const answer = await wire.send(path, Buffer.from(bytes)).catch((error: MillraceError) => error);
  if (Buffer.isBuffer(answer)) throw new Error('the call succeeded');
  return answer;
}

describe('Recommend', () => {
  test('an unknown user gets a cold-start answer', async () => {
    const { items, degraded } = await door.recommend(asking({ userId: 'nobody at all' }), call());
    expect(items.length).toBe(10);
    expect(degraded).toEqual([]);
    expect(items.every(({ sources }) => sources.includes('popularity'))).toBe(true);
  });

  test.each([
    ['limit 0', { limit: 0 }, 'LIMIT_OUT_OF_RANGE', 'limit'],
    ['limit 10,000', { limit: 10_000 }, 'LIMIT_OUT_OF_RANGE', 'limit'],
    ['an empty user', { userId: '' }, 'FIELD_INVALID', 'user_id'],
    ['a user of 257 bytes', { userId: 'u'.repeat(257) }, 'FIELD_INVALID', 'user_id'],
    ['a control character', { userId: 'a\u0000b' }, 'FIELD_INVALID', 'user_id'],
    ['101 seeds', { seedItems: ids(101) }, 'FIELD_INVALID', 'seed_items'],
    ['10,001 exclusions', { excludeItems: ids(10_001) }, 'FIELD_INVALID', 'exclude_items'],
    ['a long surface', { context: { surface: 's'.repeat(65) } }, 'FIELD_INVALID', 'context.surface'],
    ['a made-up page token', { pageToken: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAA' }, 'TOKEN_INVALID', 'page_token'],
    ['no page token at all', { pageToken: '%%%' }, 'TOKEN_INVALID', 'page_token'],
  ])('%s is refused with the field', async (_, fields, reason, field) => {
    const bytes = RecommendRequest.encode(asking(fields)).finish();
    expect(await refusal(processes.addresses.orchestrator, `${DOOR}/Recommend`, bytes)).toMatchObject({
      code: 3,
      reason,
      violations: [{ field }],
    });
  });

  test('a page token of another user is refused', async () => {
    const { nextPageToken } = await door.recommend(good, call());
    expect(nextPageToken).not.toBe('');
    await expect(
      door.recommend(asking({ userId: 'user-2', pageToken: nextPageToken }), call()),
    ).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  });

  test('unknown seeds and exclusions are ignored', async () => {
    const unknown = ['', 'no such item', 'é'.repeat(500)];
    const { items } = await door.recommend(asking({ seedItems: unknown, excludeItems: unknown }), call());
    expect(items.length).toBe(10);
  });
});

describe('the other calls of the front door', () => {
  test.each([
    ['SimilarItems of an unknown item', 'SimilarItems', { itemId: 'none' }, 5, 'ITEM_UNKNOWN'],
    ['SimilarItems of no item', 'SimilarItems', { itemId: '' }, 3, 'FIELD_INVALID'],
    [
      'SimilarItems with limit 501',
      'SimilarItems',
      { itemId: 'item-1', limit: 501 },
      3,
      'LIMIT_OUT_OF_RANGE',
    ],
    ['Explain without a request', 'Explain', {}, 3, 'FIELD_INVALID'],
    ['GetDecision of nothing', 'GetDecision', {}, 3, 'FIELD_INVALID'],
    ['an unknown method', 'Conjure', {}, 12, 'METHOD_UNKNOWN'],
  ])('%s is refused', async (_, method, fields, code, reason) => {
    const bytes = SimilarItemsRequest.encode(SimilarItemsRequest.fromPartial(fields)).finish();
    expect(await refusal(processes.addresses.orchestrator, `${DOOR}/${method}`, bytes)).toMatchObject({
      code,
      reason,
    });
  });

  test('a decision that was never made is not found', async () => {
    await expect(door.getDecision({ requestId: 'f'.repeat(32) }, call())).rejects.toMatchObject({
      code: 5,
      reason: 'DECISION_UNKNOWN',
    });
  });

  test('bytes that are no message, and 5 MB, are refused', async () => {
    const { orchestrator } = processes.addresses;
    const path = `${DOOR}/Recommend`;
    expect(await refusal(orchestrator, path, Buffer.alloc(50, 0xff))).toMatchObject({
      code: 3,
      reason: 'MESSAGE_MALFORMED',
    });
    expect(await refusal(orchestrator, path, Buffer.alloc(5 * MEGABYTE, 0x0a))).toMatchObject({
      code: 8,
      reason: 'MESSAGE_TOO_LARGE',
    });
  });

  test('a deadline that has passed is answered as such; one too short for the stages, as such or by what stands in for them', async () => {
    await expect(door.recommend(good, call(-1))).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    const answer = await door
      .recommend(asking({ userId: 'user-4' }), call(1))
      .catch((error: MillraceError) => error);
    if (answer instanceof MillraceError)
      expect(answer).toMatchObject({ code: 4, reason: 'DEADLINE_EXCEEDED' });
    else expect(answer.degraded).not.toEqual([]);
  });
});

describe('RecordFeedback', () => {
  const event = (fields: object) =>
    FeedbackEvent.fromPartial({
      eventId: 'bad-1',
      userId: 'user-1',
      itemId: 'item-5',
      action: Action.ACTION_IMPRESSION,
      ...fields,
    });

  test.each([
    ['no events', [], 'FIELD_INVALID', 'events'],
    [
      '1,001 events',
      Array.from({ length: 1_001 }, (_, i) => event({ eventId: `e${i}` })),
      'FIELD_INVALID',
      'events',
    ],
    ['no event id', [event({ eventId: '' })], 'FIELD_INVALID', 'events[0].event_id'],
    [
      'an event id of 129 bytes',
      [event({ eventId: 'e'.repeat(129) })],
      'FIELD_INVALID',
      'events[0].event_id',
    ],
    ['no user', [event({ userId: '' })], 'FIELD_INVALID', 'events[0].user_id'],
    ['no item', [event({ itemId: '' })], 'FIELD_INVALID', 'events[0].item_id'],
    ['an unknown item', [event({}), event({ itemId: 'none' })], 'ITEM_UNKNOWN', 'events[1].item_id'],
    ['no action', [event({ action: 0 })], 'FIELD_INVALID', 'events[0].action'],
    ['an action that is none', [event({ action: 99 })], 'FIELD_INVALID', 'events[0].action'],
    ['a value that is not finite', [event({ value: Number.NaN })], 'FIELD_INVALID', 'events[0].value'],
    [
      'a time to come',
      [event({ timeMs: Date.now() + 7 * 86_400_000 })],
      'FIELD_INVALID',
      'events[0].time_ms',
    ],
    ['a time before 1970', [event({ timeMs: -1 })], 'FIELD_INVALID', 'events[0].time_ms'],
  ])('%s is refused with the field', async (_, events, reason, field) => {
    const bytes = RecordFeedbackRequest.encode({ events }).finish();
    expect(await refusal(processes.addresses.orchestrator, `${DOOR}/RecordFeedback`, bytes)).toMatchObject({
      reason,
      violations: [{ field }],
    });
  });

  test('one bad event refuses all of them', async () => {
    const fine = event({ eventId: 'with-a-bad-one' });
    await expect(
      door.recordFeedback({ events: [fine, event({ itemId: 'none' })] }, call()),
    ).rejects.toMatchObject({ code: 5 });
    expect((await door.recordFeedback({ events: [fine] }, call())).duplicates).toEqual([false]);
    expect((await door.recordFeedback({ events: [fine] }, call())).duplicates).toEqual([true]);
  });

  test('a forged attribution token is refused: any bit, another user, another item', async () => {
    const { items } = await door.recommend(good, call());
    const { itemId, attributionToken: token } = items[0];
    const send = (fields: object) =>
      door.recordFeedback(
        { events: [event({ eventId: 'forged', itemId, attributionToken: token, ...fields })] },
        call(),
      );
    const refused = {
      code: 3,
      reason: 'TOKEN_INVALID',
      violations: [{ field: 'events[0].attribution_token' }],
    };
    await expect(send({ userId: 'user-2' })).rejects.toMatchObject(refused);
    await expect(send({ itemId: items[1].itemId })).rejects.toMatchObject(refused);
    await expect(send({ attributionToken: token.slice(0, -4) })).rejects.toMatchObject(refused);
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3] ^= 1 << (bit & 7);
      await expect(send({ attributionToken: forged.toString('base64url') })).rejects.toMatchObject(refused);
    }
    expect((await send({})).duplicates).toEqual([false]);
  });
});

describe('a stage', () => {
  const context = (fields: object = {}) => RequestContext.fromPartial({ requestId: 'r', ...fields });
  const rrf = (values: number[]) => ({ name: Columns.rrf, values: bytesOf(Float32Array.from(values)) });
  const rows = (fields: object = {}) => ({
    count: 2,
    item: bytesOf(Uint32Array.of(3, 4)),
    columns: [rrf([0.5, 0.4])],
    ...fields,
  });
  const ranking = (candidates: object, about: object = {}) =>
    RankRequest.encode(RankRequest.fromPartial({ context: context(about), candidates })).finish();

  test.each([
    ['NaN in a score', rows({ columns: [rrf([0.5, Number.NaN])] }), 'candidates.columns[0].values'],
    ['columns of unequal length', rows({ columns: [rrf([0.5])] }), 'candidates.columns[0].values'],
    [
      'a truncated column',
      rows({ columns: [{ name: Columns.rrf, values: Buffer.alloc(7) }] }),
      'candidates.columns[0].values',
    ],
    ['truncated items', rows({ item: Buffer.alloc(7) }), 'candidates.item'],
    ['an item twice', rows({ item: bytesOf(Uint32Array.of(3, 3)) }), 'candidates.item'],
    ['a column twice', rows({ columns: [rrf([1, 2]), rrf([1, 2])] }), 'candidates.columns[1].name'],
  ])('%s is refused with the place', async (_, candidates, field) => {
    expect(await refusal(processes.addresses.ranking, RANK, ranking(candidates))).toMatchObject({
      code: 3,
      reason: 'COLUMNS_INVALID',
      violations: [{ field }],
    });
  });

  test.each([
    [
      'a user state that is none',
      ranking(rows(), { userState: Buffer.alloc(9, 0xff) }),
      'context.user_state',
    ],
    ['a quality of 2', ranking(rows(), { quality: 2 }), 'context.quality'],
  ])('%s is refused with the field', async (_, bytes, field) => {
    expect(await refusal(processes.addresses.ranking, RANK, bytes)).toMatchObject({
      code: 3,
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
  });

  test('a column that it needs and does not get is named', async () => {
    const { address, path } = {
      address: processes.addresses.reranking,
      path: '/millrace.reranking.v1.RerankingService/Rerank',
    };
    const request = RerankRequest.fromPartial({ context: context(), candidates: rows(), limit: 2 });
    expect(await refusal(address, path, RerankRequest.encode(request).finish())).toMatchObject({
      code: 3,
      reason: 'COLUMN_MISSING',
    });
  });

  test('an unknown source and a limit out of range are refused', async () => {
    const { candidates: address } = processes.addresses;
    const path = '/millrace.candidates.v1.CandidatesService/Retrieve';
    const bytes = (fields: object) =>
      RetrieveRequest.encode(
        RetrieveRequest.fromPartial({ context: context(), limit: 10, ...fields }),
      ).finish();
    expect(await refusal(address, path, bytes({ sources: ['oracle'] }))).toMatchObject({
      code: 3,
      reason: 'SOURCE_UNKNOWN',
    });
    for (const limit of [0, 10_001])
      expect(await refusal(address, path, bytes({ limit }))).toMatchObject({ reason: 'LIMIT_OUT_OF_RANGE' });
  });

  test('a bundle that is not loaded is named by every stage', async () => {
    const about = context({ bundle: 'no-such-bundle' });
    const requests = {
      candidates: RetrieveRequest.encode(RetrieveRequest.fromPartial({ context: about, limit: 10 })).finish(),
      filtering: FilterRequest.encode(
        FilterRequest.fromPartial({ context: about, candidates: rows() }),
      ).finish(),
      ranking: ranking(rows(), about),
      reranking: RerankRequest.encode(
        RerankRequest.fromPartial({ context: about, candidates: rows(), limit: 2 }),
      ).finish(),
    };
    for (const [name, bytes] of Object.entries(requests)) {
      const stage = name as keyof typeof requests;
      const method = Object.values(contracts[stage].methods)[0].path;
      expect(await refusal(processes.addresses[stage], method, bytes), name).toMatchObject({
        code: 9,
        reason: 'BUNDLE_NOT_LOADED',
        metadata: { bundle: 'no-such-bundle' },
      });
      using direct = new Channel(processes.addresses[stage]);
      for (const version of ['no-such-bundle', '../../etc/passwd', ''])
        await expect(direct.client(contracts.stage).loadBundle({ version }, call())).rejects.toMatchObject({
          code: 5,
          reason: 'BUNDLE_UNKNOWN',
        });
    }
  });

  test('ordinals that no item has are scored with finite numbers, and removed by filtering', async () => {
    const candidates = new Candidates(
      Uint32Array.of(3, 0xffffffff, 1_000_000),
      new Map([[Columns.rrf, Float32Array.of(0.3, 0.2, 0.1)]]),
    );
    using ranker = new Channel(processes.addresses.ranking);
    const question = { context: context(), candidates, wantsFeatures: false };
    const ranked = await ranker.client(contracts.ranking).rank(question, call());
    expect(ranked.candidates.count).toBe(3);
    using filters = new Channel(processes.addresses.filtering);
    const request = { context: context(), candidates, excluded: Candidates.empty };
    const filtered = await filters.client(contracts.filtering).filter(request, call());
    expect([...filtered.candidates.items]).toEqual([3]);
  });
});
