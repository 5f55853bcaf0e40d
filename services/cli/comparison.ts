import { MillraceError } from '../../common/errors.ts';
import { type Interval, type PairedComparison, pairedComparison } from '../../common/metrics/significance.ts';
import type { Measured } from '../training/evaluation.ts';

type Pair = readonly [string, string];

/** Two models' NDCG, user by user: the mean difference, its 95% interval, the paired tests. */
export type Comparison = Omit<PairedComparison, 'interval'> & Interval & { readonly users: number };

/** CONFIG_INVALID where the names are not two. */
export function pairOf(names: readonly string[]): Pair {
  const [a, b] = names;
  if (names.length !== 2)
    throw new MillraceError('CONFIG_INVALID', `--compare: expected two models, not ${names.length}`);
  return [a, b];
}

/** CONFIG_INVALID where a model was not measured. */
export function compared(models: Readonly<Record<string, Measured>>, names: Pair): Comparison {
  const [a, b] = names.map((name) => {
    if (!Object.hasOwn(models, name))
      throw new MillraceError(
        'CONFIG_INVALID',
        `--compare: there is no ${name}; measured are ${Object.keys(models).join(', ')}`,
      );
    return models[name].ndcg;
  });
  const { interval, ...tests } = pairedComparison(a, b);
  return { ...tests, ...interval, users: a.length };
}

/** One line for people. */
export function comparisonLine([a, b]: Pair, metric: string, figures: Comparison): string {
  const { difference, low, high, pRandomisation, pStudent } = figures;
  const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
  return (
    `${a} − ${b}: ${metric} ${signed(difference)} (95% ${signed(low)} to ${signed(high)}), ` +
    `p = ${pRandomisation.toPrecision(2)} by randomisation, ${pStudent.toPrecision(2)} by paired t`
  );
}
