import type { BanditSettings } from '../../../services/reranking/bandits/bandit.ts';
import { openBandit } from '../../../services/reranking/bandits/table.ts';
import type { Proof, ProofOptions } from '../proof.ts';
import { bernoulliRegret } from './bernoulli-regret.ts';
import { ALL_ALIKE, MEMBERS, PROBLEMS, verifyFlips } from './flips.ts';
import { linearRegret } from './linear-problem.ts';

const ROUNDS = 10_000;
const MEANS = [0.9, 0.6] as const;
const FIRST_SEED = 1_000;
const BREAKS = ['greedy', ...Object.keys(ALL_ALIKE)];

/**
 * Regret of the bandits: on Bernoulli arms within what the literature has, contextual ones below the best fixed arm on a linear
 * problem, and the ensemble near its best member before and after a change of taste. `--break`: `greedy` learns without exploring,
 * `short-memory` and `long-memory` have the ensemble's members all forget alike.
 */
export const verifyRegret: Proof = async (options) => {
  const { broken, print } = options;
  if (broken !== undefined && !BREAKS.includes(broken)) {
    print(`no way to break it is called ${broken}; there are ${BREAKS.join(', ')}`);
    return false;
  }
  const seed = options.seed ?? FIRST_SEED;
  const holds = [bernoulli(options, seed), contextual(options, seed), await verifyFlips(options, seed)];
  return holds.every(Boolean);
};

function settings(changes: Partial<BanditSettings>): BanditSettings {
  return { dimensions: 1, halfLife: Number.POSITIVE_INFINITY, epsilon: 0, members: MEMBERS, ...changes };
}

function bernoulli({ short, broken, print }: ProofOptions, firstSeed: number): boolean {
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
        sum += bernoulliRegret(openBandit(name, settings({})), MEANS, ROUNDS, firstSeed + run);
      const mean = sum / runs;
      print(
        `arms of .9 and .6, ${ROUNDS} rounds, mean of ${runs} runs from seed ${firstSeed}: ${name} ${mean.toFixed(2)} (${low} to ${high})`,
      );
      return mean >= low && mean <= high;
    })
    .every(Boolean);
}

function contextual({ short, print }: ProofOptions, seed: number): boolean {
  const [problem] = PROBLEMS;
  const run = { phases: 1, rounds: short ? 2_000 : ROUNDS, seed };
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
