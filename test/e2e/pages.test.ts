import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type FeaturesService, type OrchestratorService } from '../../common/rpc/services.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import {
  FeedbackEvent,
  RecommendRequest,
  type RecommendResponse,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action, DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome, tinyPairs } from '../support/tiny-home.ts';

const ITEMS = 420;
const LIMIT = 20;
const UNDERFILLED = DegradedReason.DEGRADED_REASON_UNDERFILLED;
const call = (): Call => rootCall({ timeoutMs: 20_000 });
const asking = (fields: Partial<RecommendRequest>): RecommendRequest =>
  RecommendRequest.fromPartial({ userId: 'user-3', limit: LIMIT, ...fields });
const idsOf = ({ items }: RecommendResponse): string[] => items.map(({ itemId }) => itemId);

let stop: () => Promise<void>;
let door: OrchestratorService;
let features: FeaturesService;
let seen: Map<string, Set<string>>;

/** Retrieves 50 at once, so that most pages need more than the first candidates. */
beforeAll(async () => {
  const folder = await temporaryHome();
  const world = await makeTinyHome(folder.home, { items: ITEMS });
  seen = new Map();
  for (const [userId, itemId] of tinyPairs(world))
    seen.set(userId, (seen.get(userId) ?? new Set()).add(itemId));
  const one = await OneProcess.start(folder.home, {
    MILLRACE__ORCHESTRATOR__CANDIDATES: '50',
    MILLRACE__ORCHESTRATOR__DEADLINE_MS: '20000',
  });
  const channel = new Channel(one.address);
  stop = async () => {
    channel.close();
    await one[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  door = channel.client(contracts.orchestrator);
  features = channel.client(contracts.features);
}, 120_000);
afterAll(() => stop());

const seenBy = (userId: string): ReadonlySet<string> => seen.get(userId) ?? new Set();

async function pagesOf(
  userId: string,
  between = async (_ids: string[]): Promise<void> => {},
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let pageToken = ''; ; ) {
    const response = await door.recommend(asking({ userId, pageToken }), call());
    pages.push(idsOf(response));
    pageToken = response.nextPageToken;
    expect(response.degraded.includes(UNDERFILLED), 'says that it is short').toBe(pageToken === '');
    if (pageToken === '') return pages;
    await between(idsOf(response));
  }
}

describe('pages', () => {
  test('page after page shows everything that was not seen, each item once, and then ends', async () => {
    const pages = await pagesOf('user-3');
    const shown = pages.flat();
    expect(pages.length).toBeGreaterThan(19);
    expect(pages.slice(0, -1).every((page) => page.length === LIMIT)).toBe(true);
    expect(new Set(shown).size).toBe(shown.length);
    const unseen = Array.from({ length: ITEMS }, (_, i) => `item-${i}`).filter(
      (id) => !seenBy('user-3').has(id),
    );
    expect(shown.toSorted()).toEqual(unseen.toSorted());
  });

  test('what is hidden or blocked between pages is on none that follows', async () => {
    const shown = new Set<string>();
    const gone = new Set<string>();
    let number = 0;
    const pages = await pagesOf('user-4', async (ids) => {
      for (const id of ids) shown.add(id);
      const ahead = Array.from({ length: ITEMS }, (_, i) => `item-${i}`).filter(
        (id) => !shown.has(id) && !gone.has(id),
      );
      if (ahead.length < 2 || number > 8) return;
      const [hidden, blocked] = [ahead[0], ahead[ahead.length - 1]];
      const hide = { userId: 'user-4', itemId: hidden, action: Action.ACTION_HIDE };
      const events = [FeedbackEvent.fromPartial({ eventId: `hide-${number++}`, ...hide })];
      await door.recordFeedback({ events }, call());
      await features.block({ itemIds: [blocked], reason: 'test', untilMs: 0 }, call());
      gone.add(hidden).add(blocked);
      for (const id of gone) expect(shown.has(id)).toBe(false);
    });
    await features.unblock({ itemIds: [...gone] }, call());
    const all = pages.flat();
    expect(new Set(all).size).toBe(all.length);
    expect(gone.size).toBeGreaterThan(10);
    expect(all.filter((id) => gone.has(id) || seenBy('user-4').has(id))).toEqual([]);
  });

  test('a token that is altered or of another person is refused', async () => {
    const { nextPageToken } = await door.recommend(asking({}), call());
    const bytes = Buffer.from(nextPageToken, 'base64url');
    bytes[bytes.length - 2] ^= 1;
    const refused = { reason: 'TOKEN_INVALID' };
    const altered = asking({ pageToken: bytes.toString('base64url') });
    await expect(door.recommend(altered, call())).rejects.toMatchObject(refused);
    const foreign = asking({ userId: 'user-5', pageToken: nextPageToken });
    await expect(door.recommend(foreign, call())).rejects.toMatchObject(refused);
  });
});

describe('people and items', () => {
  /** Gives the items attributes beside those that they have. */
  const mark = async (itemIds: string[], attributes: Item['attributes']): Promise<void> => {
    const { items } = await features.resolve({ itemIds, ordinals: [] }, call());
    const marked = items.map(({ item }) => ({ ...(item as Item), attributes }));
    await features.upsertItems({ items: marked, expectedEpoch: 0 }, call());
  };
  const be = (id: string, attributes: Item['attributes']) =>
    features.upsertUsers({ users: [{ id, attributes }] }, call());
  const shownTo = async (userId: string) => idsOf(await door.recommend(asking({ userId }), call()));

  test('the works of a creator are out of the next answer when the block has returned, and only for who blocked', async () => {
    const before = await shownTo('user-8');
    await mark(before, { creator: { text: 'Ada' } });
    await be('user-8', { blocked_creators: { texts: { values: ['Ada'] } } });
    expect((await shownTo('user-8')).filter((id) => before.includes(id))).toEqual([]);
    await be('user-8', {});
    expect((await shownTo('user-8')).some((id) => before.includes(id))).toBe(true);
    await mark(before, {});
  });

  test('items for adults and for segments are shown to whom they are for', async () => {
    const before = await shownTo('user-9');
    await mark(before.slice(0, 10), { minimum_age: { number: 18 } });
    await mark(before.slice(10), { segments: { texts: { values: ['staff'] } } });
    const among = async () => (await shownTo('user-9')).filter((id) => before.includes(id));
    const isOf = (allowed: string[]) => (ids: string[]) =>
      ids.length > 0 && ids.every((id) => allowed.includes(id));
    expect(await among()).toEqual([]);
    await be('user-9', { age: { number: 17 }, segments: { text: 'staff' } });
    expect(await among()).toSatisfy(isOf(before.slice(10)));
    await be('user-9', { age: { number: 18 } });
    expect(await among()).toSatisfy(isOf(before.slice(0, 10)));
    await mark(before, {});
    await be('user-9', {});
  });
});

describe('too few candidates', () => {
  const candidatesOf = async (userId: string): Promise<string[]> => {
    const { candidates } = await door.explain({ request: asking({ userId }) }, call());
    return candidates.map(({ itemId }) => itemId);
  };

  test('where the first ones may not be shown, others are asked for once, and the list is full', async () => {
    const first = await candidatesOf('user-6');
    expect(first).toHaveLength(50);
    await features.block({ itemIds: first, reason: 'test', untilMs: 0 }, call());
    const response = await door.recommend(asking({ userId: 'user-6' }), call());
    const asked = response.stages.filter(({ stage }) => stage === 'candidates').length;
    await features.unblock({ itemIds: first }, call());
    expect(idsOf(response)).toHaveLength(LIMIT);
    expect(idsOf(response).filter((id) => first.includes(id) || seenBy('user-6').has(id))).toEqual([]);
    expect(response.degraded).not.toContain(UNDERFILLED);
    expect(asked).toBe(2);
  });

  test('where there are no others the list is short and says so, and holds nothing that may not be shown', async () => {
    const open = new Set(['item-7', 'item-77', 'item-177', 'item-277', 'item-377']);
    const itemIds = Array.from({ length: ITEMS }, (_, i) => `item-${i}`).filter((id) => !open.has(id));
    await features.block({ itemIds, reason: 'test', untilMs: 0 }, call());
    const response = await door.recommend(asking({ userId: 'user-7' }), call());
    await features.unblock({ itemIds }, call());
    expect(idsOf(response).filter((id) => !open.has(id) || seenBy('user-7').has(id))).toEqual([]);
    expect(response.degraded).toContain(UNDERFILLED);
    expect(response.nextPageToken).toBe('');
    expect(response.stages.filter(({ stage }) => stage === 'candidates').length).toBe(2);
  });
});
