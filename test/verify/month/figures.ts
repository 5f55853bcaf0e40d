import type { Interval } from '../../../common/metrics/significance.ts';
import { bootstrapInterval } from '../../../common/metrics/significance.ts';
import { tableLines } from '../../../services/cli/table.ts';
import type { PairFigures } from './run-pair.ts';
import type { MonthFigures } from './simulation.ts';

/** Over seeds: the mean and its 95% interval by the bootstrap. */
export interface Spread {
  readonly mean: number;
  readonly interval: Interval;
}

/** One policy's figures over the days compared. */
export interface PolicyFigures {
  /** Expected clicks a slate. */
  readonly reward: Spread;
  readonly regret: Spread;
  readonly coverage: Spread;
  readonly gini: Spread;
  readonly longTail: Spread;
  readonly fresh: Spread;
}

export interface Summary {
  readonly greedy: PolicyFigures;
  readonly full: PolicyFigures;
  /** The full stage's reward over greedy's, less 1, of the same seed. */
  readonly gain: Spread;
  readonly coverageFactor: Spread;
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, interval: bootstrapInterval(values) };
}

/** The figures of pairs of one setting from a day on, from 1. */
export function summarise(pairs: readonly PairFigures[], fromDay: number): Summary {
  const rewards = (figures: MonthFigures): number => meanFrom(figures, 'reward', fromDay);
  return {
    greedy: policyFigures(
      pairs.map(({ greedy }) => greedy),
      fromDay,
    ),
    full: policyFigures(
      pairs.map(({ full }) => full),
      fromDay,
    ),
    gain: spreadOf(pairs.map(({ greedy, full }) => rewards(full) / rewards(greedy) - 1)),
    coverageFactor: spreadOf(pairs.map(({ greedy, full }) => coverageOf(full) / coverageOf(greedy))),
  };
}

function policyFigures(months: readonly MonthFigures[], fromDay: number): PolicyFigures {
  const of = (name: 'reward' | 'regret' | 'longTail' | 'fresh'): Spread =>
    spreadOf(months.map((month) => meanFrom(month, name, fromDay)));
  return {
    reward: of('reward'),
    regret: of('regret'),
    coverage: spreadOf(months.map(coverageOf)),
    gini: spreadOf(months.map(({ gini }) => gini)),
    longTail: of('longTail'),
    fresh: of('fresh'),
  };
}

function meanFrom(
  { days }: MonthFigures,
  name: 'reward' | 'regret' | 'longTail' | 'fresh',
  fromDay: number,
): number {
  const late = days.slice(fromDay - 1);
  return late.reduce((sum, day) => sum + day[name], 0) / late.length;
}

function coverageOf({ coverage }: MonthFigures): number {
  return coverage[coverage.length - 1];
}

const TITLES = ['', 'greedy', '95%', 'full', '95%'];

/** A setting's figures as a table, both policies beside one another. */
export function figureLines(setting: string, { greedy, full, gain, coverageFactor }: Summary): string[] {
  const rows = (Object.keys(greedy) as (keyof PolicyFigures)[]).map((name) => [
    NAMES[name],
    ...cells(greedy[name]),
    ...cells(full[name]),
  ]);
  const percent = (value: number): string => `${value >= 0 ? '+' : ''}${(100 * value).toFixed(2)}%`;
  return [
    '',
    ...tableLines(
      TITLES.map((title, c) => ({ title: c === 0 ? setting : title, align: c === 0 ? 'left' : 'right' })),
      rows,
    ),
    `reward ${percent(gain.mean)} (${percent(gain.interval.low)} to ${percent(gain.interval.high)}), coverage × ${coverageFactor.mean.toFixed(2)} (${coverageFactor.interval.low.toFixed(2)} to ${coverageFactor.interval.high.toFixed(2)})`,
  ];
}

const NAMES: Readonly<Record<keyof PolicyFigures, string>> = {
  reward: 'expected clicks a slate',
  regret: 'regret a slate',
  coverage: 'catalogue coverage',
  gini: 'Gini of exposure',
  longTail: 'slots of the long tail',
  fresh: 'slots of new films',
};

function cells({ mean, interval }: Spread): string[] {
  return [mean.toFixed(3), `${interval.low.toFixed(3)}…${interval.high.toFixed(3)}`];
}
