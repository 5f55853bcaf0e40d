import type { BanditSettings } from '../../../services/reranking/bandits/bandit.ts';
import { openBandit } from '../../../services/reranking/bandits/table.ts';
import type { Proof, ProofOptions } from '../proof.ts';
import { bernoulliRegret } from './bernoulli-regret.ts';
import { type LinearProblem, linearRegret } from './linear-problem.ts';

const ROUNDS = 10_000;
const MEANS = [0.9, 0.6] as const;
const MEMBERS = [500, 5_000, Number.POSITIVE_INFINITY] as const;
const RATIO_MAX = 1.2;
const FIRST_SEED = 1_000;

const PROBLEMS: readonly LinearProblem[] = [
  {
    name: 'opposite taste',
    dimensions: 8,
    arms: 10,
    base: 0.5,
    scale: 0.3,
    flip: 'opposite',
    fixedArms: false,
  },
  {
    name: 'another taste',
    dimensions: 6,
    arms: 20,
    base: 0.5,
    scale: 0.3,
    flip: 'another',
    fixedArms: false,
  },
  {
    name: 'rare rewards',
    dimensions: 8,
    arms: 10,
    base: 0.1,
    scale: 0.08,
    flip: 'opposite',
    fixedArms: false,
  },
  { name: 'fixed arms', dimensions: 5, arms: 5, base: 0.5, scale: 0.3, flip: 'another', fixedArms: true },
];

/**
 * Regret of the bandits: on Bernoulli arms within what the literature has, contextual ones below the best fixed arm on a linear
 * problem, and the ensemble near its best member before and after a change of taste. `--break`: `greedy` learns without exploring,
 * `short-memory` has the ensemble's members all forget alike.
 */
export const verifyRegret: Proof = async (options) => {
  const holds = [bernoulli(options), contextual(options), ...flips(options)];
  return holds.every(Boolean);
};

function settings(changes: Partial<BanditSettings>): BanditSettings {
  return { dimensions: 1, halfLife: Number.POSITIVE_INFINITY, epsilon: 0, members: MEMBERS, ...changes };
}

function bernoulli({ short, broken, print }: ProofOptions): boolean {
  const cases = [
    {
      name: broken === 'greedy' ? 'epsilon-greedy' : 'thompson-beta',
      runs: short ? 30 : 200,
      low: 4.5,
      high: 7,
    },
    { name: 'ucb1', runs: short ? 100 : 200, low: 42, high: 51 },
  ] as const;
  return cases
    .map(({ name, runs, low, high }) => {
      let sum = 0;
      for (let run = 0; run < runs; run++)
        sum += bernoulliRegret(openBandit(name, settings({})), MEANS, ROUNDS, FIRST_SEED + run);
      const mean = sum / runs;
      print(
        `arms of .9 and .6, ${ROUNDS} rounds, mean of ${runs} runs from seed ${FIRST_SEED}: ${name} ${mean.toFixed(2)} (${low} to ${high})`,
      );
      return mean >= low && mean <= high;
    })
    .every(Boolean);
}

function contextual({ short, print }: ProofOptions): boolean {
  const [problem] = PROBLEMS;
  const run = { phases: 1, rounds: short ? 2_000 : ROUNDS, seed: FIRST_SEED };
  const names = ['lin-ucb', 'linear-thompson', 'ensemble'] as const;
  return names
    .map((name) => {
      const bandit = openBandit(name, settings({ dimensions: problem.dimensions }));
      const { phases, bestFixedArm } = linearRegret(problem, bandit, run);
      print(
        `linear problem, ${run.rounds} rounds: ${name} ${phases[0].toFixed(1)}, the best fixed arm ${bestFixedArm.toFixed(1)}`,
      );
      return phases[0] < bestFixedArm;
    })
    .every(Boolean);
}

function flips({ short, broken, print }: ProofOptions): boolean[] {
  const seeds = short ? 2 : 4;
  const members = broken === 'short-memory' ? [500, 500, 500] : MEMBERS;
  const run = { phases: 2, rounds: ROUNDS };
  return (short ? PROBLEMS.slice(-1) : PROBLEMS).map((problem) => {
    const { dimensions } = problem;
    const mean = (open: () => ReturnType<typeof openBandit>): number[] => {
      const sums = [0, 0];
      for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++)
        for (const [phase, regret] of linearRegret(problem, open(), { ...run, seed }).phases.entries())
          sums[phase] += regret / seeds;
      return sums;
    };
    const alone = MEMBERS.map((halfLife) => {
      const regret = mean(() => openBandit('linear-thompson', settings({ dimensions, halfLife })));
      print(`${problem.name}: half-life ${halfLife} alone: ${texts(regret)}`);
      return regret;
    });
    const together = mean(() => openBandit('ensemble', settings({ dimensions, members })));
    const ratios = together.map((regret, phase) => regret / Math.min(...alone.map((one) => one[phase])));
    print(
      `${problem.name}: the ensemble: ${texts(together)}; of the best member's ${ratios.map((ratio) => ratio.toFixed(2)).join(' before, ')} after the flip (at most ${RATIO_MAX}), ${seeds} seeds from ${FIRST_SEED}`,
    );
    return ratios.every((ratio) => ratio <= RATIO_MAX);
  });
}

function texts(regrets: readonly number[]): string {
  return regrets
    .map((regret) => regret.toFixed(1))
    .join(' before, ')
    .concat(' after');
}
