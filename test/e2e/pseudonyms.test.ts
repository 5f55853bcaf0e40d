import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { decodeEvent } from '../../common/log/events.ts';
import { openLogReader } from '../../common/log/open-log.ts';
import { PLAIN_IDS } from '../../common/rights/pseudonym-keys.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type FeaturesService, type OrchestratorService } from '../../common/rpc/services.ts';
import { decodeUser } from '../../common/user-state.ts';
import type { Event, ForgetStatus } from '../../gen/millrace/logging/v1/logging.ts';
import { FeedbackEvent, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action, DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { ForgetRequests } from '../../services/logging/forgetting/requests.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome, tinyPairs } from '../support/tiny-home.ts';

/** Whose forgetting was asked for by one name when a kill came. */
const HALF_ASKED = 'user-9';
const KEYS = 'rights/keys.json';
const MONTH_MS = monthOf(new Date());
const BEFORE_MS = monthOf(new Date(MONTH_MS - 1));
const NEXT_MS = monthOf(new Date(MONTH_MS + 32 * 86_400_000));
const call = (): Call => rootCall({ timeoutMs: 20_000 });

let stop: () => Promise<void>;
let env: Record<string, string>;
let door: OrchestratorService;
let features: FeaturesService;
let pairs: [string, string][];
let pseudonyms: Pseudonyms;

beforeAll(async () => {
  const folder = await temporaryHome();
  env = {
    MILLRACE_HOME: folder.home,
    MILLRACE__RIGHTS__PSEUDONYM_KEYS: KEYS,
    MILLRACE__ORCHESTRATOR__DEADLINE_MS: '20000',
    MILLRACE__EVENTS__FUTURE_HOURS_MAX: '800',
  };
  pairs = tinyPairs(await makeTinyHome(folder.home));
  const keys = [BEFORE_MS, MONTH_MS, NEXT_MS].map((fromMs, i) => ({
    number: i + 1,
    from: new Date(fromMs).toISOString().slice(0, 7),
    key: randomBytes(32).toString('hex'),
  }));
  await mkdir(join(folder.home, 'rights'));
  await writeFile(join(folder.home, KEYS), JSON.stringify({ keys: [PLAIN_IDS, ...keys] }));
  pseudonyms = Pseudonyms.open(new ConfigSource(env));
  const requests = await ForgetRequests.open(folder.home);
  const nowMs = Date.now();
  await requests.add(pseudonyms.at(HALF_ASKED, nowMs), nowMs, nowMs + 3_600_000);
  const one = await OneProcess.start(folder.home, env);
  const channel = new Channel(one.address);
  door = channel.client(contracts.orchestrator);
  features = channel.client(contracts.features);
  stop = async () => {
    channel.close();
    await one[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
}, 120_000);
afterAll(() => stop());

function monthOf(date: Date): number {
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

async function act(userId: string, itemId: string, timeMs: number, token = ''): Promise<void> {
  const event = FeedbackEvent.fromPartial({
    eventId: `${userId}-${itemId}`,
    userId,
    itemId,
    action: Action.ACTION_HIDE,
    timeMs,
    attributionToken: token,
  });
  await door.recordFeedback({ events: [event] }, call());
}

async function eventsSince(offset: number): Promise<Event[]> {
  await using log = await openLogReader(new ConfigSource(env));
  const events: Event[] = [];
  for (let at = offset; at < log.endOffset; ) {
    const { payloads } = await log.read(at);
    events.push(...payloads.map((payload) => decodeEvent(payload)));
    at += payloads.length;
  }
  return events;
}

async function endOffset(): Promise<number> {
  await using log = await openLogReader(new ConfigSource(env));
  return log.endOffset;
}

test('who acted under an id and two pseudonyms is one person to recommendations, and each month of the log knows one name', async () => {
  const user = 'user-3';
  const from = await endOffset();
  const first = await door.recommend(RecommendRequest.fromPartial({ userId: user, limit: 20 }), call());
  expect(first.degraded).not.toContain(DegradedReason.DEGRADED_REASON_USER_STATE_MISSING);
  const old = new Set(pairs.filter(([id]) => id === user).map(([, item]) => item));
  const shown = first.items.map(({ itemId }) => itemId);
  expect(old.size).toBeGreaterThan(0);
  expect(shown.filter((id) => old.has(id))).toEqual([]);

  const [hiddenBefore, hiddenNow] = first.items;
  await act(user, hiddenBefore.itemId, BEFORE_MS + 1);
  await act(user, hiddenNow.itemId, 0, hiddenNow.attributionToken);
  const second = await door.recommend(RecommendRequest.fromPartial({ userId: user, limit: 50 }), call());
  const again = second.items.map(({ itemId }) => itemId);
  expect(again.filter((id) => old.has(id))).toEqual([]);
  expect(again).not.toContain(hiddenBefore.itemId);
  expect(again).not.toContain(hiddenNow.itemId);

  const [now, before] = pseudonyms.upTo(user, Date.now());
  await expect.poll(async () => (await eventsSince(from)).filter(({ decision }) => decision).length).toBe(2);
  const events = await eventsSince(from);
  const names = events.map(({ feedback, decision }) => feedback?.userId ?? decision?.userId);
  expect(new Set(names)).toEqual(new Set([now, before]));
  const shownNow = events.find(({ feedback }) => feedback?.itemId === hiddenNow.itemId)?.feedback;
  expect(shownNow).toMatchObject({ userId: now, requestId: first.requestId });
  const { state } = await features.getUserState(
    { userId: now, earlierIds: [before, user], parts: [], asOf: 0 },
    call(),
  );
  const { id, items, hidden } = decodeUser(state);
  expect([id, items.length, hidden.length]).toEqual([now, old.size + 2, 2]);
});

test("a token of one person is still not another's, and pages go on", async () => {
  const request = RecommendRequest.fromPartial({ userId: 'user-4', limit: 5 });
  const page = await door.recommend(request, call());
  const [{ itemId, attributionToken }] = page.items;
  await expect(act('user-5', itemId, 0, attributionToken)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  const next = await door.recommend({ ...request, pageToken: page.nextPageToken }, call());
  const both = [...page.items, ...next.items].map((item) => item.itemId);
  expect(new Set(both).size).toBe(10);
  await expect(
    door.recommend({ ...request, userId: 'user-5', pageToken: page.nextPageToken }, call()),
  ).rejects.toMatchObject({
    reason: 'TOKEN_INVALID',
  });
});

test('attributes and friends are stored by pseudonym', async () => {
  const from = await endOffset();
  const attributes = { friends: { texts: { values: ['user-7'] } }, plan: { text: 'gold' } };
  await features.upsertUsers({ users: [{ id: 'user-6', attributes }] }, call());
  const [{ user }] = (await eventsSince(from)).filter((event) => event.user !== undefined);
  const nowMs = Date.now();
  expect(user).toMatchObject({
    id: pseudonyms.at('user-6', nowMs),
    attributes: { friends: { texts: { values: [pseudonyms.at('user-7', nowMs)] } }, plan: { text: 'gold' } },
  });
});

test('what was hidden at a time of the next month is gone from the next answer, under the name of that month', async () => {
  const user = 'user-10';
  const request = RecommendRequest.fromPartial({ userId: user, limit: 50 });
  const [{ itemId }] = (await door.recommend(request, call())).items;
  const from = await endOffset();
  await act(user, itemId, NEXT_MS + 1);
  const again = (await door.recommend(request, call())).items.map((item) => item.itemId);
  expect(again).not.toContain(itemId);
  const stored = (await eventsSince(from)).find(({ feedback }) => feedback?.itemId === itemId);
  expect(stored?.feedback?.userId).toBe(pseudonyms.at(user, NEXT_MS));
});

test('who was asked about by one name when a kill came is not said to be forgotten, and is once asked again', async () => {
  const status = async (): Promise<ForgetStatus> =>
    (await door.getForgetStatus({ userId: HALF_ASKED }, call())).statuses[0];
  const pendingOf = ({ stores }: ForgetStatus): string[] =>
    stores.filter(({ doneMs }) => doneMs === 0).map(({ store }) => store);
  await expect.poll(async () => pendingOf(await status()), { timeout: 30_000 }).toEqual(['request']);
  const half = await status();
  expect(half.done).toBe(false);
  expect(half.stores.at(-1)?.detail).toContain('asked for 1 of 3 names: ask again');
  await door.forgetUser({ userId: HALF_ASKED }, call());
  await expect.poll(async () => (await status()).done, { timeout: 30_000 }).toBe(true);
});
