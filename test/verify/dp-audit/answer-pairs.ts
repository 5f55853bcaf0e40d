import { type Lake, openLake } from '../../../common/lake/lake.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import type { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import type { PrivateGroup, QueryPrivateRequest } from '../../../gen/millrace/logging/v1/logging.ts';
import {
  GroupBy,
  Noise,
  QueryPrivateRequest as Request,
  Statistic,
} from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { rated, shown } from '../../../services/logging/privacy/fixtures/people.ts';
import { planOf } from '../../../services/logging/privacy/plan.ts';
import { checkedQuery, type PrivateQuery } from '../../../services/logging/privacy/query.ts';
import { type GroupTotals, totalsOf } from '../../../services/logging/privacy/totals.ts';
import { lakeHome, roll } from '../../support/lakes.ts';
import type { Pair } from './distinguish.ts';

/** What may be broken in the way from a query to its answer. */
export type Fault = 'half-noise' | 'no-bound' | 'no-threshold';

const ITEMS = ['a', 'b', 'c'];
const USERS = 30;
/** What the user more does, of which a part counts. */
const BUSY_EVENTS = 20;

interface Case {
  readonly name: string;
  readonly request: Partial<QueryPrivateRequest>;
  /** What of an answer tells most. */
  score(groups: readonly PrivateGroup[]): number;
}

const total = (groups: readonly PrivateGroup[]): number =>
  groups.reduce((sum, { values }) => sum + values[0], 0);
const ratings = { actions: [Action.ACTION_RATING], groupsPerUser: 2, eventsPerGroup: 3 };

const CASES: readonly Case[] = [
  {
    name: 'answer: count by item, Laplace, hidden groups',
    request: { ...ratings, statistic: Statistic.STATISTIC_COUNT, groupBy: GroupBy.GROUP_BY_ITEM },
    score: total,
  },
  {
    name: 'answer: which items are named',
    request: {
      ...ratings,
      groupsPerUser: ITEMS.length + 1,
      statistic: Statistic.STATISTIC_COUNT,
      groupBy: GroupBy.GROUP_BY_ITEM,
    },
    score: (groups) => (groups.some(({ key }) => key === 'secret') ? 1 : 0),
  },
  {
    name: 'answer: sum by item, Gaussian, known keys',
    request: {
      ...ratings,
      statistic: Statistic.STATISTIC_SUM,
      groupBy: GroupBy.GROUP_BY_ITEM,
      noise: Noise.NOISE_GAUSSIAN,
      low: 0,
      high: 5,
      keys: ['a', 'b', 'c', 'secret'],
    },
    score: total,
  },
  {
    name: 'answer: click-through rate by day',
    request: {
      statistic: Statistic.STATISTIC_CLICK_THROUGH_RATE,
      groupBy: GroupBy.GROUP_BY_DAY,
      eventsPerGroup: 2,
      keys: ['2026-11-01'],
    },
    score: total,
  },
  {
    name: 'answer: histogram of all',
    request: { ...ratings, statistic: Statistic.STATISTIC_HISTOGRAM, edges: [0, 2, 4, 6] },
    score: ([{ values }]) => values[2],
  },
];

/**
 * The whole way of a query on two logs, the second with one user more: from the lake by SQL to the answer. Exact totals are made once
 * a side, noise anew in each run.
 */
export async function answerPairs(
  claim: { epsilon: number; delta: number },
  fault: Fault | undefined,
  noise: ExactNoise,
): Promise<Pair[]> {
  await using without = await lakeOf(false);
  await using withOne = await lakeOf(true);
  const pairs: Pair[] = [];
  for (const { name, request, score } of CASES) {
    const query = checkedQuery(
      Request.fromPartial({ fromDate: '2026-11-01', untilDate: '2026-11-02', ...claim, ...request }),
    );
    const sides = await Promise.all([without, withOne].map(({ lake }) => drawOf(lake, query, fault, noise)));
    pairs.push({ name, ...claim, draw: (side) => score(sides[side]()) });
  }
  return pairs;
}

async function drawOf(
  lake: Lake,
  query: PrivateQuery,
  fault: Fault | undefined,
  noise: ExactNoise,
): Promise<() => PrivateGroup[]> {
  const plan = planOf(fault === 'half-noise' ? { ...query, epsilon: 2 * query.epsilon } : query);
  const counted =
    fault === 'no-bound' ? { ...query, contribution: { groups: 1_000, perGroup: 1_000 } } : query;
  const amounts =
    plan.amounts && (fault === 'no-bound' ? { ...plan.amounts, stepsMax: 2 ** 50 } : plan.amounts);
  const totals = await totalsOf(lake, counted, amounts);
  const named = fault === 'no-threshold' ? planOf({ ...query, keys: query.keys ?? keysOf(totals) }) : plan;
  return () => named.release(totals, noise);
}

function keysOf(totals: ReadonlyMap<string, GroupTotals>): string[] {
  return [...totals.keys()];
}

async function lakeOf(hasOneMore: boolean): Promise<AsyncDisposable & { lake: Lake }> {
  const place = await lakeHome('local');
  await using log = await SegmentLog.open(`${place.home}/log`);
  const people = Array.from({ length: USERS }, (_, i) => [
    ...ITEMS.map((item) => rated(`u${i}`, item, 3)),
    ...shown(`u${i}`, 'v', ITEMS, i % 3 === 0 ? ['a'] : []),
  ]).flat();
  const busy = [...ITEMS, 'secret'].flatMap((item) =>
    Array.from({ length: BUSY_EVENTS }, (_, n) => rated('busy', item, 5, 1, n)),
  );
  const events = hasOneMore
    ? [...people, ...busy, ...shown('busy', 'v', [...ITEMS, 'secret'], ITEMS)]
    : people;
  await log.append(events.map(encodeEvent));
  await roll(log, place.config);
  const lake = await openLake(place.config);
  return {
    lake,
    [Symbol.asyncDispose]: async () => {
      await lake[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}
