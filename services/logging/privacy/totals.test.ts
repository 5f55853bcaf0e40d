import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lake, openLake } from '../../../common/lake/lake.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Random } from '../../../common/random.ts';
import {
  type Event,
  type Feedback,
  GroupBy,
  Noise,
  QueryPrivateRequest,
  Statistic,
} from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { type LakeHome, lakeHome, roll } from '../../../test/support/lakes.ts';
import { inCatalogue, rated, shown } from './fixtures/people.ts';
import { planOf } from './plan.ts';
import { checkedQuery } from './query.ts';
import { type GroupTotals, totalsOf } from './totals.ts';

const SEED = 8;
const ITEMS = 12;
const PEOPLE = 25;
const NOTHING: GroupTotals = { users: 0, count: 0, steps: 0, byBucket: new Map() };

function ofRequest(requestId: string, event: Event): Event {
  return { ...event, feedback: { ...(event.feedback as Feedback), requestId } };
}

/** What a person does: ratings, some of them of one item again and again, and requests that show the same items again. */
function doings(user: string, random: Random, much: number): Event[] {
  const item = (): string => `i${random.int(ITEMS)}`;
  const ratings = Array.from({ length: much * 4 }, (_, n) =>
    ofRequest(
      `r-${user}-${random.int(much)}`,
      rated(user, random.int(3) === 0 ? 'i0' : item(), random.int(60) / 7 - 2, 1 + random.int(6), n),
    ),
  );
  const requests = Array.from({ length: much }, (_, n) => {
    const items = [...new Set(Array.from({ length: 4 }, item))];
    return shown(user, random.int(2) === 0 ? 'new' : 'old', items, items.slice(0, random.int(3)), n);
  });
  return [...ratings, ...requests.flat()];
}

const STATISTICS = {
  count: { statistic: Statistic.STATISTIC_COUNT },
  sum: { statistic: Statistic.STATISTIC_SUM, low: -1, high: 5 },
  mean: { statistic: Statistic.STATISTIC_MEAN, low: 0.1, high: 4.7 },
  'click-through rate': { statistic: Statistic.STATISTIC_CLICK_THROUGH_RATE },
  histogram: { statistic: Statistic.STATISTIC_HISTOGRAM, edges: [-1, 0, 1, 2, 3, 4, 5, 6] },
  quantiles: { statistic: Statistic.STATISTIC_QUANTILES, low: 0, high: 5, ranks: [0.5] },
};
const GROUPS = {
  all: GroupBy.GROUP_BY_UNSPECIFIED,
  item: GroupBy.GROUP_BY_ITEM,
  category: GroupBy.GROUP_BY_CATEGORY,
  variant: GroupBy.GROUP_BY_VARIANT,
  day: GroupBy.GROUP_BY_DAY,
};

describe(`of two logs, one with all events of one user more (seed ${SEED})`, () => {
  const places: LakeHome[] = [];
  const lakes: Lake[] = [];

  beforeAll(async () => {
    const random = new Random(SEED);
    const items = Array.from({ length: ITEMS }, (_, i) =>
      inCatalogue(`i${i}`, [`c${i % 3}`, `d${i % 4}`], i),
    );
    const people = Array.from({ length: PEOPLE }, (_, i) =>
      doings(`u${i}`, random, 1 + random.int(4)),
    ).flat();
    // In the log the one's events stand between those of others, as do those of nobody.
    const between = (more: readonly Event[]): Event[] => {
      const all = people.map((event, i) => ({ event, at: i }));
      const added = more.map((event, i) => ({ event, at: ((i + 0.5) * people.length) / more.length }));
      return [...all, ...added].sort((a, b) => a.at - b.at).map(({ event }) => event);
    };
    const logs = [people, between(doings('one', random, 40)), between(shown('', 'new', ['i0', 'i1'], []))];
    for (const events of logs) {
      const place = await lakeHome('local');
      places.push(place);
      await using log = await SegmentLog.open(`${place.home}/log`);
      await log.append([...items, ...events].map(encodeEvent));
      await roll(log, place.config);
      lakes.push(await openLake({ ...place.config, engine: 'duckdb' }));
    }
  }, 60_000);

  afterAll(async () => {
    for (const lake of lakes) await lake[Symbol.asyncDispose]();
    for (const place of places) await place[Symbol.asyncDispose]();
  });

  const cases = Object.keys(STATISTICS).flatMap((statistic) =>
    Object.keys(GROUPS).map((by) => [statistic, by] as [keyof typeof STATISTICS, keyof typeof GROUPS]),
  );

  test.each(cases)(
    'totals of a %s by %s differ by what of one user counts, and by no more',
    async (statistic, by) => {
      let most = 0;
      for (const [salt, contribution] of [
        { groupsPerUser: 1, eventsPerGroup: 1 },
        { groupsPerUser: 2, eventsPerGroup: 3 },
      ].entries()) {
        const query = checkedQuery(
          QueryPrivateRequest.fromPartial({
            ...STATISTICS[statistic],
            groupBy: GROUPS[by],
            actions: statistic === 'click-through rate' ? [] : [Action.ACTION_RATING, Action.ACTION_CLICK],
            fromDate: '2026-11-01',
            untilDate: '2026-11-05',
            epsilon: 1,
            delta: 1e-6,
            noise: Noise.NOISE_LAPLACE,
            ...contribution,
          }),
        );
        const { amounts } = planOf(query);
        const [without, withOne, withNobody] = await Promise.all(
          lakes.map((lake) => totalsOf(lake, query, amounts, { salt: 1 + salt })),
        );
        expect(withNobody).toEqual(without);
        const { groups, perGroup } = query.contribution;
        let touched = 0;
        for (const key of new Set([...without.keys(), ...withOne.keys()])) {
          const [a, b] = [without, withOne].map((totals) => totals.get(key) ?? NOTHING);
          const buckets = [...new Set([...a.byBucket.keys(), ...b.byBucket.keys()])].map(
            (bucket) => (b.byBucket.get(bucket) ?? 0) - (a.byBucket.get(bucket) ?? 0),
          );
          const bucketed = buckets.reduce((sum, more) => sum + more, 0);
          const steps = Math.abs(b.steps - a.steps);
          // What another one's events add must not change: no count falls.
          expect(Math.min(0, ...buckets, b.count - a.count, b.users - a.users)).toBe(0);
          expect(b.users - a.users).toBeLessThanOrEqual(1);
          expect(b.count - a.count).toBeLessThanOrEqual(perGroup);
          expect(bucketed).toBeLessThanOrEqual(perGroup);
          expect(steps).toBeLessThanOrEqual(amounts?.stepsMax ?? 0);
          expect(Number.isInteger(b.steps)).toBe(true);
          if (b.users > a.users) touched++;
          else expect([b.count - a.count, bucketed, steps]).toEqual([0, 0, 0]);
          most = Math.max(most, b.count - a.count, bucketed);
        }
        expect(touched).toBeGreaterThan(0);
        expect(touched).toBeLessThanOrEqual(groups);
      }
      expect(most).toBe(3);
    },
  );
});
