import type { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import { localMechanism } from '../../../common/privacy/local-mechanisms.ts';
import type { NoiseKind } from '../../../common/privacy/mechanisms.ts';
import { partitionSelection } from '../../../common/privacy/partition-selection.ts';
import { TREE_LEVELS } from '../../../common/privacy/quantile-tree.ts';
import {
  countMechanism,
  MeanMechanism,
  type NoiseChoice,
  SumMechanism,
  treeMechanism,
} from '../../../common/privacy/statistics.ts';
import type { Pair } from './distinguish.ts';

const ONE = { groups: 1, perGroup: 1 };

/**
 * Every mechanism on its worst neighbours: the second data set has one user more, who counts as much as one may. Noise is drawn for
 * `spent`, which is the claim unless something is broken.
 */
export function mechanismPairs(
  claim: { epsilon: number; delta: number },
  spent: number,
  noise: ExactNoise,
): Pair[] {
  const pairs = (['laplace', 'gaussian'] as const).flatMap((kind) =>
    statisticPairs({ kind, ...claim, epsilon: spent }, noise),
  );
  return [...pairs, ...selectionPairs(spent, claim.delta, noise), ...localPairs(spent, noise)].map(
    ({ name, draw, delta = 0 }) => ({ name, draw, epsilon: claim.epsilon, delta }),
  );
}

interface Named {
  readonly name: string;
  readonly delta?: number;
  draw(side: 0 | 1): number;
}

function statisticPairs(choice: NoiseChoice, noise: ExactNoise): Named[] {
  const { kind } = choice;
  const delta = deltaOf(kind, choice.delta);
  const count = countMechanism(ONE, choice);
  const many = { groups: 4, perGroup: 3 };
  const counts = countMechanism(many, choice);
  const bounds = { low: -1, high: 2 };
  const sum = new SumMechanism(ONE, bounds, choice);
  const mean = new MeanMechanism(ONE, bounds, choice);
  const tree = treeMechanism(ONE, choice);
  const pairs: Named[] = [
    { name: `${kind} count`, draw: (side) => side + count.draw(noise) },
    {
      name: `${kind} counts of 4 groups, 3 events each`,
      draw: (side) => {
        let total = 0;
        for (let i = 0; i < many.groups; i++) total += side * many.perGroup + counts.draw(noise);
        return total;
      },
    },
    { name: `${kind} sum`, draw: (side) => sum.release(side * sum.steps(1e9), noise) },
    {
      name: `${kind} mean`,
      draw: (side) => mean.release({ steps: side * mean.sum.steps(1.5), count: side }, noise).mean,
    },
    {
      name: `${kind} counts of a quantile tree`,
      draw: (side) => {
        let total = 0;
        for (let level = 0; level < TREE_LEVELS; level++) total += side + tree.draw(noise);
        return total;
      },
    },
  ];
  return pairs.map((pair) => ({ ...pair, delta }));
}

function deltaOf(kind: NoiseKind, delta: number): number {
  return kind === 'laplace' ? 0 : delta;
}

function selectionPairs(epsilon: number, delta: number, noise: ExactNoise): Named[] {
  const selection = partitionSelection(epsilon, delta, 1);
  const half = (selection.usersSure + 1) / 2;
  const named = (users: number): number => (selection.selects(users, noise) ? 1 : 0);
  return [
    { name: 'selection of a group of one', delta, draw: (side) => named(side) },
    { name: 'selection at the threshold', delta, draw: (side) => named(half + side) },
    { name: 'selection near its certainty', delta, draw: (side) => named(2 * half - 4 + side) },
  ];
}

function localPairs(epsilon: number, noise: ExactNoise): Named[] {
  const krr = localMechanism('krr', 5, epsilon);
  const oue = localMechanism('oue', 5, epsilon);
  return [
    { name: 'k-ary randomised response', draw: (side) => krr.report(side, noise)[0] },
    {
      name: 'optimised unary encoding',
      draw: (side) => {
        const bits = oue.report(side, noise);
        return Number(bits.includes(1)) - Number(bits.includes(0));
      },
    },
  ];
}
