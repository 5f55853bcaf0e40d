import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PrivacyAccount } from '../../../common/privacy/accountant.ts';
import { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts } from '../../../common/rpc/services.ts';
import {
  GroupBy,
  Noise,
  QueryPrivateRequest,
  type QueryPrivateResponse,
  Statistic,
} from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { type LakeHome, lakeHome } from '../../../test/support/lakes.ts';
import { seededBytes } from '../../../test/support/seeded-bytes.ts';
import { type Opened, openLogging } from '../fixtures/open.ts';
import { inCatalogue, intoLake, rated, shown } from './fixtures/people.ts';
import { planOf } from './plan.ts';
import { checkedQuery, windowsOf } from './query.ts';

const call = () => rootCall({ timeoutMs: 60_000 });
const PEOPLE = 400;
const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
const TOKENS = JSON.stringify([
  { name: 'ana', sha256: digest('ana-token'), roles: ['analyse'] },
  { name: 'ben', sha256: digest('ben-token'), roles: ['analyse', 'raw'] },
  { name: 'olga', sha256: digest('olga-token'), roles: ['operate'] },
]);

/** Large ε, so that noise is small beside what is tested. */
const LARGE = { epsilon: 50, delta: 1e-3 };
const BUDGET = {
  MILLRACE__PRIVACY__EPSILON: '100',
  MILLRACE__PRIVACY__DELTA: '0.01',
  MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '50',
};

function events() {
  const items = ['a', 'b', 'c'].map((id, i) => inCatalogue(id, i === 2 ? ['drama'] : ['drama', 'crime'], i));
  const people = Array.from({ length: PEOPLE }, (_, i) => {
    const user = `u${i}`;
    return [
      rated(user, 'a', 4, 1),
      ...(i % 2 === 0 ? [rated(user, 'b', 2, 2)] : []),
      ...shown(user, i % 4 === 0 ? 'new' : 'old', ['a', 'b', 'c'], i % 2 === 0 ? ['a'] : []),
    ];
  }).flat();
  // One user does more than counts, one has an item alone, and one clicks for another.
  const busy = Array.from({ length: 1_000 }, (_, n) => rated('busy', 'a', 5, 3, n));
  return [...items, ...people, ...busy, rated('lone', 'secret', 1, 1)];
}

describe('private answers', () => {
  let place: LakeHome;
  let opened: Opened;

  beforeAll(async () => {
    place = await lakeHome('local', BUDGET);
    opened = await openLogging(place.home, 'socket', { ...place.settings, MILLRACE__ACCESS__TOKENS: TOKENS });
    // The log's other methods are open: no token has the role serve.
    await intoLake(opened.logging, place.config, events());
  }, 60_000);

  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  async function as<T>(token: string | undefined, ask: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = new Channel(opened.address, { token });
    try {
      return await ask(channel);
    } finally {
      channel.close();
    }
  }

  function asked(query: Partial<QueryPrivateRequest>, token = 'ben-token'): Promise<QueryPrivateResponse> {
    const days = { fromDate: '2026-11-01', untilDate: '2026-11-08' };
    const request = QueryPrivateRequest.fromPartial({ ...days, ...LARGE, ...query });
    return as(token, (channel) => channel.client(contracts.privacy).queryPrivate(request, call()));
  }

  function budget(token: string) {
    return as(token, (channel) => channel.client(contracts.privacy).getBudget({}, call()));
  }

  const values = ({ groups }: QueryPrivateResponse) =>
    Object.fromEntries(groups.map(({ key, values: of }) => [key, of]));

  test('counts by item bound what one user adds, and hide the item of one user', async () => {
    const { groups } = await asked({
      statistic: Statistic.STATISTIC_COUNT,
      groupBy: GroupBy.GROUP_BY_ITEM,
      actions: [Action.ACTION_RATING],
      groupsPerUser: 2,
      eventsPerGroup: 2,
      epsilon: 20,
    });
    expect(groups.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(Math.abs(groups[0].values[0] - (PEOPLE + 2))).toBeLessThan(10);
    expect(Math.abs(groups[1].values[0] - PEOPLE / 2)).toBeLessThan(10);
    expect(groups[0].deviations[0]).toBeGreaterThan(0);
  });

  test('keys that are no secret are all answered, also those without events', async () => {
    const answer = values(
      await asked(
        {
          statistic: Statistic.STATISTIC_COUNT,
          groupBy: GroupBy.GROUP_BY_ITEM,
          actions: [Action.ACTION_RATING],
          keys: ['b', 'nothing'],
          epsilon: 5,
        },
        'ana-token',
      ),
    );
    expect(Object.keys(answer)).toEqual(['b', 'nothing']);
    expect(Math.abs(answer.b[0] - PEOPLE / 2)).toBeLessThan(8);
    expect(Math.abs(answer.nothing[0])).toBeLessThan(8);
  });

  test.each([
    ['sum', { statistic: Statistic.STATISTIC_SUM, low: 0, high: 5 }, 4 * PEOPLE + 5, 20],
    ['mean', { statistic: Statistic.STATISTIC_MEAN, low: 0, high: 5 }, 4, 0.2],
    ['median', { statistic: Statistic.STATISTIC_QUANTILES, low: 0, high: 5, ranks: [0.5] }, 4, 0.1],
  ] as const)('a %s of ratings is near the truth', async (_, query, truth, tolerance) => {
    for (const noise of [Noise.NOISE_LAPLACE, Noise.NOISE_GAUSSIAN]) {
      const { groups } = await asked(
        {
          ...query,
          groupBy: GroupBy.GROUP_BY_ITEM,
          keys: ['a'],
          noise,
          epsilon: 8,
          delta: 1e-3,
          ranks: 'ranks' in query ? [...query.ranks] : [],
        },
        noise === Noise.NOISE_LAPLACE ? 'ana-token' : 'ben-token',
      );
      expect(Math.abs(groups[0].values[0] - truth)).toBeLessThan(tolerance);
    }
  });

  test('a histogram counts by bucket; values outside are in the first and last', async () => {
    const { groups } = await asked({
      statistic: Statistic.STATISTIC_HISTOGRAM,
      actions: [Action.ACTION_RATING],
      edges: [3, 3.5, 4.5],
      eventsPerGroup: 2,
      epsilon: 8,
    });
    const [low, high] = groups[0].values;
    expect(Math.abs(low - (PEOPLE / 2 + 1))).toBeLessThan(8);
    expect(Math.abs(high - (PEOPLE + 2))).toBeLessThan(8);
  });

  test('click-through rates by item, variant, category and day join items shown with their own clicks', async () => {
    const statistic = Statistic.STATISTIC_CLICK_THROUGH_RATE;
    const rate = async (query: Partial<QueryPrivateRequest>) =>
      values(
        await asked({ statistic, epsilon: 6, delta: 1e-4, eventsPerGroup: 3, groupsPerUser: 3, ...query }),
      );
    const byItem = await rate({ groupBy: GroupBy.GROUP_BY_ITEM });
    expect(Object.keys(byItem)).toEqual(['a', 'b', 'c']);
    expect(Math.abs(byItem.a[0] - 0.5)).toBeLessThan(0.1);
    expect(byItem.b[0]).toBeLessThan(0.1);
    const byVariant = await rate({ groupBy: GroupBy.GROUP_BY_VARIANT, groupsPerUser: 1 });
    expect(Math.abs(byVariant.new[0] - 1 / 3)).toBeLessThan(0.1);
    expect(Math.abs(byVariant.old[0] - 1 / 9)).toBeLessThan(0.1);
    const byCategory = await rate({ groupBy: GroupBy.GROUP_BY_CATEGORY, groupsPerUser: 2 });
    expect(Math.abs(byCategory.crime[0] - 1 / 4)).toBeLessThan(0.1);
    expect(Math.abs(byCategory.drama[0] - 1 / 6)).toBeLessThan(0.1);
    const byDay = await rate({ groupBy: GroupBy.GROUP_BY_DAY, untilDate: '2026-11-03', groupsPerUser: 1 });
    expect(Object.keys(byDay)).toEqual(['2026-11-01', '2026-11-02']);
    expect(Math.abs(byDay['2026-11-01'][0] - 1 / 6)).toBeLessThan(0.1);
  });

  test.each([
    ['epsilon', { epsilon: 0 }],
    ['epsilon', { epsilon: -1 }],
    ['epsilon', { epsilon: Number.NaN }],
    ['epsilon', { epsilon: Number.POSITIVE_INFINITY }],
    ['delta', { delta: 1 }],
    ['delta', { delta: -1e-9 }],
    ['delta', { delta: Number.NaN }],
    ['delta', { groupBy: GroupBy.GROUP_BY_ITEM, delta: 0 }],
    ['delta', { noise: Noise.NOISE_GAUSSIAN, delta: 0 }],
    ['low', { statistic: Statistic.STATISTIC_SUM }],
    ['high', { statistic: Statistic.STATISTIC_SUM, low: 0 }],
    ['high', { statistic: Statistic.STATISTIC_SUM, low: 0, high: Number.POSITIVE_INFINITY }],
    ['high', { statistic: Statistic.STATISTIC_MEAN, low: 2, high: 2 }],
    ['low', { low: 1 }],
    ['group_by', { groupBy: 9 as GroupBy }],
    ['statistic', { statistic: Statistic.STATISTIC_UNSPECIFIED }],
    ['noise', { noise: 7 as Noise }],
    ['actions[0]', { actions: [999 as Action] }],
    ['keys', { keys: ['a'] }],
    ['keys', { groupBy: GroupBy.GROUP_BY_ITEM, keys: ['a', 'a'] }],
    ['from_date', { fromDate: '2026-02-30' }],
    ['until_date', { untilDate: '2026-11-01' }],
    ['edges[1]', { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [1, 1] }],
    ['ranks[0]', { statistic: Statistic.STATISTIC_QUANTILES, low: 0, high: 1, ranks: [1.5] }],
    ['ranks[1]', { statistic: Statistic.STATISTIC_QUANTILES, low: 0, high: 1, ranks: [0, Number.NaN] }],
    ['ranks', { statistic: Statistic.STATISTIC_QUANTILES, low: 0, high: 1 }],
    ['edges', { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [1] }],
    ['edges[2]', { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [0, 2, 1] }],
    ['edges[0]', { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [Number.NaN, 1] }],
    ['edges[1]', { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [0, Number.POSITIVE_INFINITY] }],
    ['low', { statistic: Statistic.STATISTIC_SUM, low: Number.NaN, high: 1 }],
    ['high', { statistic: Statistic.STATISTIC_MEAN, low: 0, high: Number.NaN }],
    ['high', { statistic: Statistic.STATISTIC_SUM, low: 3, high: 2 }],
    ['high', { statistic: Statistic.STATISTIC_SUM, low: 0, high: 5e-324 }],
    ['delta', { delta: Number.POSITIVE_INFINITY }],
    ['delta', { noise: Noise.NOISE_GAUSSIAN, delta: 1e-21 }],
    ['epsilon', { epsilon: 9e-5 }],
    ['epsilon', { epsilon: 101 }],
    ['actions', { statistic: Statistic.STATISTIC_CLICK_THROUGH_RATE, actions: [Action.ACTION_CLICK] }],
    ['keys', { groupBy: GroupBy.GROUP_BY_ITEM, keys: Array.from({ length: 10_001 }, (_, i) => `${i}`) }],
    ['keys[1]', { groupBy: GroupBy.GROUP_BY_ITEM, keys: ['a', 'k'.repeat(1_000_000)] }],
    ['keys[0]', { groupBy: GroupBy.GROUP_BY_ITEM, keys: [''] }],
    ['keys[0]', { groupBy: GroupBy.GROUP_BY_ITEM, keys: ['a\u001eb'] }],
    ['from_date', { fromDate: '' }],
    ['from_date', { fromDate: '2026-11-01T00:00' }],
    ['from_date', { fromDate: '1969-12-31' }],
    ['until_date', { untilDate: '2026-10-31' }],
    ['until_date', { untilDate: '2027-11-03' }],
    ['until_date', { fromDate: '2099-12-31', untilDate: '2100-01-02' }],
    ['events_per_group', { eventsPerGroup: 4_000_000_000 }],
    ['groups_per_user', { groupBy: GroupBy.GROUP_BY_ITEM, groupsPerUser: 5_000 }],
  ] as const)('a fault of %s is refused and nothing charged: %o', async (field, query) => {
    const before = await budget('ana-token');
    const request = { statistic: Statistic.STATISTIC_COUNT, ...(query as Partial<QueryPrivateRequest>) };
    await expect(asked(request, 'ana-token')).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
    expect(await budget('ana-token')).toEqual(before);
  });

  test('who has no token, another one or another role is refused and charged nothing', async () => {
    const statistic = Statistic.STATISTIC_COUNT;
    // Nobody's own message may be so large that it is not even read.
    const keys = Array.from({ length: 1_000_000 }, (_, i) => `item-${i}`);
    const huge = asked({ statistic, groupBy: GroupBy.GROUP_BY_ITEM, keys }, 'ana-token');
    await expect(huge).rejects.toMatchObject({ code: 8 });
    const names = async () => (await readdir(join(place.home, 'privacy'))).sort();
    const before = [await budget('ana-token'), await names()];
    await expect(asked({ statistic }, '')).rejects.toMatchObject({
      reason: 'ACCESS_TOKEN_UNKNOWN',
      code: 16,
    });
    await expect(asked({ statistic }, 'guess')).rejects.toMatchObject({ reason: 'ACCESS_TOKEN_UNKNOWN' });
    await expect(asked({ statistic }, 'olga-token')).rejects.toMatchObject({
      reason: 'ROLE_MISSING',
      code: 7,
    });
    const raw = (token: string) =>
      as(token, (channel) => channel.client(contracts.logging).getDecision({ requestId: 'r-u1' }, call()));
    await expect(raw('ana-token')).rejects.toMatchObject({
      reason: 'ROLE_MISSING',
      metadata: { role: 'raw' },
    });
    expect((await raw('ben-token')).decision?.userId).toBe('u1');
    const commit = (token: string) =>
      as(token, (channel) => channel.client(contracts.logging).commit({ consumer: 'x', offset: 0 }, call()));
    await expect(commit('ben-token')).rejects.toMatchObject({ reason: 'ROLE_MISSING' });
    await commit('olga-token');
    const events = (token: string) =>
      as(token, async (channel) => {
        const request = { consumer: 'x', offset: 0, kinds: [], batchMax: 0 };
        for await (const batch of channel.client(contracts.logging).subscribe(request, call())) return batch;
        return undefined;
      });
    await expect(events('ana-token')).rejects.toMatchObject({ reason: 'ROLE_MISSING' });
    expect((await events('ben-token'))?.events.length).toBeGreaterThan(0);
    expect([await budget('ana-token'), await names()]).toEqual(before);
  });
});

test('of 1,000 queries of four analysts at once exactly as many are answered as each budget has, and a restart forgets none', async () => {
  const names = ['ana', 'ben', 'cleo', 'dan'];
  const tokens = names.map((name) => ({ name, sha256: digest(name), roles: ['analyse'] }));
  await using place = await lakeHome('local', {
    MILLRACE__ACCESS__TOKENS: JSON.stringify(tokens),
    MILLRACE__PRIVACY__EPSILON: '1',
    MILLRACE__PRIVACY__DELTA: '0',
    MILLRACE__PRIVACY__ANALYSTS: JSON.stringify({ dan: { epsilon: 0.5, delta: 0 } }),
    MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '50',
  });
  const request = QueryPrivateRequest.fromPartial({
    statistic: Statistic.STATISTIC_COUNT,
    fromDate: '2026-11-01',
    untilDate: '2026-11-08',
    epsilon: 0.25,
  });
  const grants = [1, 1, 1, 0.5];
  for (const round of ['asked', 'restarted']) {
    await using opened = await openLogging(place.home, 'socket', place.settings);
    const channels = names.map((name) => new Channel(opened.address, { token: name }));
    const clients = channels.map((channel) => channel.client(contracts.privacy));
    if (round === 'asked') {
      await intoLake(opened.logging, place.config, [rated('u', 'a', 1)]);
      const tries = await Promise.allSettled(
        Array.from({ length: 1_000 }, (_, i) => clients[i % 4].queryPrivate(request, call())),
      );
      const answered = names.map(
        (_, n) => tries.filter(({ status }, i) => i % 4 === n && status === 'fulfilled').length,
      );
      expect(answered).toEqual(grants.map((epsilon) => epsilon * 4));
      for (const { reason } of tries.filter((each) => each.status === 'rejected'))
        expect(reason).toMatchObject({
          reason: 'PRIVACY_BUDGET_SPENT',
          code: 8,
          metadata: { window: '2026-11', epsilon_left: '0' },
        });
    }
    for (const [n, client] of clients.entries()) {
      const [epsilon, queries] = [grants[n], grants[n] * 4];
      const spent = { window: '2026-11', epsilon, delta: 0, epsilonSpent: epsilon, deltaSpent: 0, queries };
      expect(await client.getBudget({}, call())).toEqual({ analyst: names[n], windows: [spent] });
    }
    for (const channel of channels) channel.close();
  }
});

test.each([
  ['2026-11-01', '2026-11-02', ['2026-11']],
  ['2026-10-31', '2026-11-01', ['2026-10']],
  ['2026-10-31', '2026-11-02', ['2026-10', '2026-11']],
  ['2024-02-28', '2024-03-01', ['2024-02']],
  ['2024-02-29', '2024-03-02', ['2024-02', '2024-03']],
  ['2023-12-31', '2024-01-02', ['2023-12', '2024-01']],
  ['2099-12-31', '2100-01-01', ['2099-12']],
  ['1970-01-01', '1970-01-02', ['1970-01']],
])('a query from %s until %s is about the months %j, each once', (fromDate, untilDate, months) => {
  const fields = { statistic: Statistic.STATISTIC_COUNT, epsilon: 1, fromDate, untilDate };
  expect(windowsOf(checkedQuery(QueryPrivateRequest.fromPartial(fields)))).toEqual(months);
});

test.each([Number.NaN, 1.5, -1, Number.POSITIVE_INFINITY])(
  'in one process %d is no number of groups or events either',
  (count) => {
    const days = { fromDate: '2026-11-01', untilDate: '2026-11-02' };
    const query = {
      statistic: Statistic.STATISTIC_COUNT,
      groupBy: GroupBy.GROUP_BY_DAY,
      epsilon: 1,
      ...days,
    };
    for (const field of ['groupsPerUser', 'eventsPerGroup'])
      expect(() => checkedQuery({ ...QueryPrivateRequest.fromPartial(query), [field]: count })).toThrow(
        expect.objectContaining({ reason: 'FIELD_INVALID' }),
      );
  },
);

test.each([Noise.NOISE_LAPLACE, Noise.NOISE_GAUSSIAN])(
  'the least and the greatest query that is allowed has noise and a cost, by law %d',
  (noise) => {
    for (const statistic of Object.values(Statistic).filter((each) => Number(each) > 0) as Statistic[])
      for (const [epsilon, delta] of [
        [1e-4, 1e-20],
        [100, 0.99],
      ])
        for (const [low, high] of [
          [0, 1e-12],
          [-1e12, 1e12],
          [1e12 - 1, 1e12],
        ])
          for (const groupsPerUser of [1, 1_000]) {
            const valued = statistic === Statistic.STATISTIC_SUM || statistic === Statistic.STATISTIC_MEAN;
            const isTree = statistic === Statistic.STATISTIC_QUANTILES;
            const query = checkedQuery(
              QueryPrivateRequest.fromPartial({
                statistic,
                groupBy: GroupBy.GROUP_BY_ITEM,
                fromDate: '2026-11-01',
                untilDate: '2026-11-02',
                noise,
                epsilon,
                delta,
                groupsPerUser,
                eventsPerGroup: groupsPerUser,
                ...(valued || isTree ? { low, high } : {}),
                ...(isTree ? { ranks: [0.5] } : {}),
                ...(statistic === Statistic.STATISTIC_HISTOGRAM ? { edges: [low, high] } : {}),
              }),
            );
            const plan = planOf(query);
            const cost = new PrivacyAccount();
            cost.add(plan.loss);
            expect(cost.epsilon(delta)).toBeGreaterThan(0.3 * epsilon);
            expect(cost.epsilon(delta)).toBeLessThanOrEqual(epsilon * (1 + 1e-9));
            const many = { users: 1e12, count: 1e6, steps: 1e6, byBucket: new Map([[0, 1e6]]) };
            const [{ values, deviations }] = plan.release(new Map([['a', many]]), new ExactNoise());
            expect([...values, ...deviations].every(Number.isFinite)).toBe(true);
          }
  },
);

test.each([
  ['LAPLACE', Noise.NOISE_LAPLACE, 0.1],
  ['GAUSSIAN', Noise.NOISE_GAUSSIAN, 0.05],
] as const)(
  'with %s noise a group of one user is named with its part of δ among the groups of a user (seed 5)',
  (_, noise, part) => {
    const query = checkedQuery(
      QueryPrivateRequest.fromPartial({
        statistic: Statistic.STATISTIC_COUNT,
        groupBy: GroupBy.GROUP_BY_ITEM,
        fromDate: '2026-11-01',
        untilDate: '2026-11-02',
        noise,
        epsilon: 1,
        delta: 0.4,
        groupsPerUser: 4,
      }),
    );
    const groups = 20_000;
    const lone = { users: 1, count: 1, steps: 0, byBucket: new Map() };
    const totals = new Map(Array.from({ length: groups }, (_, i) => [`i${i}`, lone]));
    const named = planOf(query).release(totals, new ExactNoise(seededBytes(5))).length / groups;
    expect(named).toBeLessThanOrEqual(part + 4 * Math.sqrt(part / groups));
    expect(named).toBeGreaterThan(part / 2);
  },
);

test('a ledger that is deleted under its service answers nothing more, in a new folder neither; put back it does', async () => {
  await using place = await lakeHome('local', BUDGET);
  await using opened = await openLogging(place.home, 'memory', place.settings);
  await intoLake(opened.logging, place.config, [rated('u', 'a', 1)]);
  const days = { fromDate: '2026-11-01', untilDate: '2026-11-02' };
  const request = QueryPrivateRequest.fromPartial({
    statistic: Statistic.STATISTIC_COUNT,
    epsilon: 1,
    ...days,
  });
  const ask = () => opened.privacy.queryPrivate(request, call());
  await ask();
  const folder = join(place.home, 'privacy');
  const path = join(folder, 'ledger-00000001.jsonl');
  const ledger = await readFile(path);
  await rm(folder, { recursive: true });
  for (let i = 0; i < 2; i++) await expect(ask()).rejects.toMatchObject({ reason: 'LEDGER_UNAVAILABLE' });
  await mkdir(folder);
  await expect(ask()).rejects.toMatchObject({ reason: 'LEDGER_DAMAGED', metadata: { file: path } });
  await opened.logging.append({ events: [rated('u', 'a', 1, 2)] }, call());
  await writeFile(path, ledger);
  expect((await ask()).budgets).toMatchObject([{ window: '2026-11', queries: 2 }]);
});

test('one query over two months is charged to both', async () => {
  await using place = await lakeHome('local', BUDGET);
  await using opened = await openLogging(place.home, 'memory', place.settings);
  await intoLake(opened.logging, place.config, [rated('u', 'a', 1)]);
  const request = QueryPrivateRequest.fromPartial({
    statistic: Statistic.STATISTIC_COUNT,
    fromDate: '2026-10-31',
    untilDate: '2026-11-02',
    epsilon: 1,
  });
  const { budgets } = await opened.privacy.queryPrivate(request, call());
  expect(budgets.map(({ window, queries }) => [window, queries])).toEqual([
    ['2026-10', 1],
    ['2026-11', 1],
  ]);
});
