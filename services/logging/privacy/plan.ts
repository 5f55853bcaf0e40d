import type { PrivacyLoss } from '../../../common/privacy/accountant.ts';
import type { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import { type PartitionSelection, partitionSelection } from '../../../common/privacy/partition-selection.ts';
import { treeQuantiles } from '../../../common/privacy/quantile-tree.ts';
import {
  countMechanism,
  MeanMechanism,
  type NoiseChoice,
  SumMechanism,
  treeMechanism,
} from '../../../common/privacy/statistics.ts';
import type { PrivateGroup } from '../../../gen/millrace/logging/v1/logging.ts';
import type { PrivateQuery } from './query.ts';
import type { GroupTotals } from './totals.ts';

/** How a query is answered: what it costs, how amounts are summed, and how totals become an answer. */
export interface QueryPlan {
  readonly loss: PrivacyLoss;
  /** The grid of sums and means; undefined for other statistics. */
  readonly amounts: AmountGrid | undefined;
  /** The answer: totals with noise, groups without enough users left out. */
  release(totals: ReadonlyMap<string, GroupTotals>, noise: ExactNoise): PrivateGroup[];
}

/** A user's amount in a group: the sum of value − `middle`, in steps of `granularity`, at most `stepsMax` of them. */
export interface AmountGrid {
  readonly middle: number;
  readonly granularity: number;
  readonly stepsMax: number;
}

/** Share of ε that goes into naming groups where their keys are not given; of δ a half, or all where noise needs none. */
const SELECTION_SHARE = 0.2;
const NOTHING: GroupTotals = { users: 0, count: 0, steps: 0, byBucket: new Map() };

/** The value or values of one group. */
interface Statistic {
  readonly losses: readonly PrivacyLoss[];
  readonly amounts?: AmountGrid;
  release(totals: GroupTotals, noise: ExactNoise): Pick<PrivateGroup, 'values' | 'deviations'>;
}

/** The plan of a query; (ε, δ)-private as a whole. */
export function planOf(query: PrivateQuery): QueryPlan {
  const { epsilon, delta, kind, keys, contribution } = query;
  const selection =
    keys === undefined
      ? partitionSelection(
          SELECTION_SHARE * epsilon,
          kind === 'laplace' ? delta : delta / 2,
          contribution.groups,
        )
      : undefined;
  const statistic = statisticOf(query, {
    kind,
    epsilon: selection === undefined ? epsilon : epsilon - SELECTION_SHARE * epsilon,
    delta: kind === 'laplace' ? 0 : selection === undefined ? delta : delta / 2,
  });
  return {
    loss: summed([...statistic.losses, ...(selection === undefined ? [] : [selection.loss])]),
    amounts: statistic.amounts,
    release: (totals, noise) =>
      (keys ?? selected(totals, selection as PartitionSelection, noise))
        .toSorted()
        .map((key) => ({ key, ...statistic.release(totals.get(key) ?? NOTHING, noise) })),
  };
}

function selected(
  totals: ReadonlyMap<string, GroupTotals>,
  selection: PartitionSelection,
  noise: ExactNoise,
): string[] {
  return [...totals.keys()].filter((key) => selection.selects((totals.get(key) as GroupTotals).users, noise));
}

function summed(losses: readonly PrivacyLoss[]): PrivacyLoss {
  return {
    pure: losses.flatMap(({ pure }) => pure),
    rho: losses.reduce((sum, { rho }) => sum + rho, 0),
    delta: losses.reduce((sum, { delta }) => sum + delta, 0),
  };
}

function statisticOf(query: PrivateQuery, choice: NoiseChoice): Statistic {
  switch (query.statistic) {
    case 'count':
      return counts(query, choice);
    case 'sum':
      return sums(query, choice);
    case 'mean':
    case 'ctr':
      return means(query, choice);
    case 'histogram':
      return histograms(query, choice);
    case 'quantiles':
      return quantiles(query, choice);
  }
}

function counts({ contribution }: PrivateQuery, choice: NoiseChoice): Statistic {
  const mechanism = countMechanism(contribution, choice);
  return {
    losses: [mechanism.loss],
    release: ({ count }, noise) => ({
      values: [count + mechanism.draw(noise)],
      deviations: [mechanism.standardDeviation],
    }),
  };
}

function sums({ contribution, bounds }: PrivateQuery, choice: NoiseChoice): Statistic {
  const mechanism = new SumMechanism(contribution, bounds, choice);
  const { granularity, stepsMax } = mechanism;
  return {
    losses: [mechanism.loss],
    amounts: { middle: 0, granularity, stepsMax },
    release: ({ steps }, noise) => ({
      values: [mechanism.release(steps, noise)],
      deviations: [mechanism.standardDeviation],
    }),
  };
}

function means({ contribution, bounds }: PrivateQuery, choice: NoiseChoice): Statistic {
  const mechanism = new MeanMechanism(contribution, bounds, choice);
  const { granularity, stepsMax } = mechanism.sum;
  return {
    losses: mechanism.losses,
    amounts: { middle: mechanism.middle, granularity, stepsMax },
    release: (totals, noise) => {
      const { mean, deviation } = mechanism.release(totals, noise);
      return { values: [mean], deviations: [deviation] };
    },
  };
}

function histograms({ contribution, edges }: PrivateQuery, choice: NoiseChoice): Statistic {
  const mechanism = countMechanism(contribution, choice);
  const buckets = edges.slice(1);
  return {
    losses: [mechanism.loss],
    release: ({ byBucket }, noise) => ({
      values: buckets.map((_, bucket) => (byBucket.get(bucket) ?? 0) + mechanism.draw(noise)),
      deviations: buckets.map(() => mechanism.standardDeviation),
    }),
  };
}

function quantiles({ contribution, bounds, ranks }: PrivateQuery, choice: NoiseChoice): Statistic {
  const mechanism = treeMechanism(contribution, choice);
  return {
    losses: [mechanism.loss],
    release: ({ byBucket }, noise) => ({
      values: treeQuantiles(byBucket, ranks, bounds, { mechanism, noise }),
      deviations: ranks.map(() => 0),
    }),
  };
}
