import { ACTION_BY_NAME } from '../../../common/actions.ts';
import { fieldError } from '../../../common/errors.ts';
import { checkId } from '../../../common/ids.ts';
import type { NoiseKind } from '../../../common/privacy/mechanisms.ts';
import type { Bounds, Contribution } from '../../../common/privacy/statistics.ts';
import {
  GroupBy,
  Noise,
  type QueryPrivateRequest,
  Statistic,
} from '../../../gen/millrace/logging/v1/logging.ts';

/** A request that keeps every rule. */
export interface PrivateQuery {
  readonly statistic: StatisticName;
  readonly groupBy: GroupName;
  /** Names of actions; empty: all. */
  readonly actions: readonly string[];
  /** Days as 2026-11-01, the second one exclusive. */
  readonly from: string;
  readonly until: string;
  readonly epsilon: number;
  readonly delta: number;
  readonly kind: NoiseKind;
  readonly contribution: Contribution;
  readonly bounds: Bounds;
  readonly edges: readonly number[];
  readonly ranks: readonly number[];
  /** Groups that are no secret; undefined: those with enough users are named. */
  readonly keys: readonly string[] | undefined;
}

const STATISTICS = {
  [Statistic.STATISTIC_COUNT]: 'count',
  [Statistic.STATISTIC_SUM]: 'sum',
  [Statistic.STATISTIC_MEAN]: 'mean',
  [Statistic.STATISTIC_CLICK_THROUGH_RATE]: 'ctr',
  [Statistic.STATISTIC_HISTOGRAM]: 'histogram',
  [Statistic.STATISTIC_QUANTILES]: 'quantiles',
} as const;
export type StatisticName = (typeof STATISTICS)[keyof typeof STATISTICS];

const GROUPS = {
  [GroupBy.GROUP_BY_UNSPECIFIED]: 'all',
  [GroupBy.GROUP_BY_ITEM]: 'item',
  [GroupBy.GROUP_BY_CATEGORY]: 'category',
  [GroupBy.GROUP_BY_VARIANT]: 'variant',
  [GroupBy.GROUP_BY_DAY]: 'day',
} as const;
export type GroupName = (typeof GROUPS)[keyof typeof GROUPS];

const KINDS: Readonly<Record<number, NoiseKind>> = {
  [Noise.NOISE_UNSPECIFIED]: 'laplace',
  [Noise.NOISE_LAPLACE]: 'laplace',
  [Noise.NOISE_GAUSSIAN]: 'gaussian',
};

/** Noise is never so wide that integers stop being exact, nor Gaussian noise infinitely wide. */
const EPSILON_MIN = 1e-4;
const EPSILON_MAX = 100;
const DELTA_MIN = 1e-20;
const CONTRIBUTION_MAX = 1_000;
const VALUE_MAX = 1e12;
/** Bounds are so far apart, so that steps of a sum are numbers. */
const RANGE_MIN = 1e-12;
const EDGES_MAX = 1_001;
const RANKS_MAX = 100;
const KEYS_MAX = 10_000;
const DAYS_MAX = 366;
/** Events are not before the first one; the last one bounds the data windows that a ledger can come to have. */
const FIRST_DAY = '1970-01-01';
const LAST_DAY = '2100-01-01';
const DAY_MS = 86_400_000;

/** The query of a request. FIELD_INVALID naming the field where a rule is broken. */
export function checkedQuery(request: QueryPrivateRequest): PrivateQuery {
  const statistic = named(STATISTICS, request.statistic, 'statistic');
  const groupBy = named(GROUPS, request.groupBy, 'group_by');
  const kind = named(KINDS, request.noise, 'noise');
  const days = checkedDays(request.fromDate, request.untilDate);
  const keys = checkedKeys(request.keys, groupBy, days);
  const { epsilon, delta } = request;
  if (!(epsilon >= EPSILON_MIN && epsilon <= EPSILON_MAX))
    throw fieldError('epsilon', `${epsilon} is not in [${EPSILON_MIN}, ${EPSILON_MAX}]`);
  if (!(delta >= 0 && delta < 1)) throw fieldError('delta', `${delta} is not in [0, 1)`);
  const needsDelta = kind === 'gaussian' || keys === undefined;
  if (needsDelta && delta < DELTA_MIN)
    throw fieldError('delta', `${delta}; Gaussian noise and groups without keys want ${DELTA_MIN} at least`);
  return {
    statistic,
    groupBy,
    actions: checkedActions(request, statistic),
    from: request.fromDate,
    until: request.untilDate,
    epsilon,
    delta,
    kind,
    contribution: {
      groups: groupBy === 'all' ? 1 : checkedContribution(request.groupsPerUser, 'groups_per_user'),
      perGroup: checkedContribution(request.eventsPerGroup, 'events_per_group'),
    },
    bounds: checkedBounds(request, statistic),
    edges: checkedEdges(request.edges, statistic),
    ranks: checkedRanks(request.ranks, statistic),
    keys,
  };
}

/** The months that the query's days are in: the data windows that it is charged to. */
export function windowsOf({ from, until }: PrivateQuery): string[] {
  return [...new Set(daysBetween(from, until).map(windowOf))];
}

/** The data window of a day. */
export function windowOf(day: string): string {
  return day.slice(0, 7);
}

export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

function named<T>(names: Readonly<Record<number, T>>, value: number, field: string): T {
  if (!Object.hasOwn(names, value)) throw fieldError(field, `${value} is none that is known here`);
  return names[value];
}

function checkedDays(from: string, until: string): string[] {
  for (const [field, date] of [
    ['from_date', from],
    ['until_date', until],
  ]) {
    const timeMs = Date.parse(`${date}T00:00:00Z`);
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(timeMs) || dayOf(timeMs) !== date)
      throw fieldError(field, `'${date}' is no day as 2026-11-01`);
    if (date < FIRST_DAY || date > LAST_DAY)
      throw fieldError(field, `${date} is not within ${FIRST_DAY} and ${LAST_DAY}`);
  }
  if (until <= from) throw fieldError('until_date', `${until} is not after ${from}`);
  const days = (Date.parse(until) - Date.parse(from)) / DAY_MS;
  if (days > DAYS_MAX) throw fieldError('until_date', `${days} days; at most ${DAYS_MAX}`);
  return daysBetween(from, until);
}

function daysBetween(from: string, until: string): string[] {
  const days: string[] = [];
  for (let timeMs = Date.parse(from); timeMs < Date.parse(until); timeMs += DAY_MS) days.push(dayOf(timeMs));
  return days;
}

function checkedKeys(
  keys: readonly string[],
  groupBy: GroupName,
  days: readonly string[],
): readonly string[] | undefined {
  if (groupBy === 'all') {
    if (keys.length > 0) throw fieldError('keys', 'are for groups; group_by is not set');
    return [''];
  }
  if (keys.length > KEYS_MAX) throw fieldError('keys', `${keys.length}; at most ${KEYS_MAX}`);
  for (const [i, key] of keys.entries()) checkId(key, `keys[${i}]`);
  if (new Set(keys).size < keys.length) throw fieldError('keys', 'one is there twice');
  if (keys.length > 0) return keys;
  return groupBy === 'day' ? days : undefined;
}

function checkedActions({ actions }: QueryPrivateRequest, statistic: StatisticName): string[] {
  if (statistic === 'ctr' && actions.length > 0)
    throw fieldError('actions', 'a click-through rate is about items shown and clicks alone');
  return actions.map((action, i) => {
    for (const [name, known] of ACTION_BY_NAME) if (known === action) return name;
    throw fieldError(`actions[${i}]`, `${action} is no known action`);
  });
}

function checkedContribution(count: number, field: string): number {
  if (!(Number.isInteger(count) && count >= 0 && count <= CONTRIBUTION_MAX))
    throw fieldError(field, `${count} is no whole number from 0 to ${CONTRIBUTION_MAX}`);
  return Math.max(1, count);
}

/** What is clicked is 1, what is not 0. */
const CLICKS: Bounds = { low: 0, high: 1 };

function checkedBounds({ low, high }: QueryPrivateRequest, statistic: StatisticName): Bounds {
  if (!['sum', 'mean', 'quantiles'].includes(statistic)) {
    if (low !== undefined || high !== undefined)
      throw fieldError(low === undefined ? 'high' : 'low', `a ${statistic} has no bounds of values`);
    return CLICKS;
  }
  for (const [field, bound] of [
    ['low', low],
    ['high', high],
  ] as const)
    if (bound === undefined || !(Math.abs(bound) <= VALUE_MAX))
      throw fieldError(field, `${bound ?? 'is missing:'} values want a bound within ±${VALUE_MAX}`);
  const bounds = { low: low as number, high: high as number };
  if (!(bounds.high - bounds.low >= RANGE_MIN))
    throw fieldError('high', `${high} is not above ${low} by ${RANGE_MIN} at least`);
  return bounds;
}

function checkedEdges(edges: readonly number[], statistic: StatisticName): readonly number[] {
  if (statistic !== 'histogram') {
    if (edges.length > 0) throw fieldError('edges', `a ${statistic} has no buckets`);
    return edges;
  }
  if (edges.length < 2 || edges.length > EDGES_MAX)
    throw fieldError('edges', `${edges.length}; 2 to ${EDGES_MAX} make buckets`);
  for (const [i, edge] of edges.entries())
    if (!(Math.abs(edge) <= VALUE_MAX && (i === 0 || edge > edges[i - 1])))
      throw fieldError(`edges[${i}]`, `${edge} is not finite and above the one before`);
  return edges;
}

function checkedRanks(ranks: readonly number[], statistic: StatisticName): readonly number[] {
  if (statistic !== 'quantiles') {
    if (ranks.length > 0) throw fieldError('ranks', `a ${statistic} has no ranks`);
    return ranks;
  }
  if (ranks.length === 0 || ranks.length > RANKS_MAX)
    throw fieldError('ranks', `${ranks.length}; 1 to ${RANKS_MAX} are allowed`);
  for (const [i, rank] of ranks.entries())
    if (!(rank >= 0 && rank <= 1)) throw fieldError(`ranks[${i}]`, `${rank} is not in [0, 1]`);
  return ranks;
}
