import { ExactNoise } from '../../common/privacy/exact-noise.ts';
import { type LocalKind, localMechanism } from '../../common/privacy/local-mechanisms.ts';
import { seededBytes } from '../support/seeded-bytes.ts';
import type { Proof } from './proof.ts';

const REPEATS = 1_000;
const USERS = 100_000;
const SHORT = { repeats: 200, users: 4_000 };
const SHORT_SEED = 1;
const COVERAGE = [0.98, 0.999] as const;

interface Case {
  readonly kind: LocalKind;
  readonly epsilon: number;
  /** Of the values among users. */
  readonly shares: readonly number[];
}

const CASES: readonly Case[] = [
  { kind: 'krr', epsilon: 1, shares: [0.5, 0.3, 0.15, 0.05, 0] },
  { kind: 'krr', epsilon: 3, shares: [0.9, 0.1] },
  { kind: 'oue', epsilon: 1, shares: [0.5, 0.3, 0.15, 0.05, 0] },
];

/**
 * Simulated users report in the local model again and again: the 99% intervals must hold the true share in 98.0% to 99.9% of all repeats and
 * values, and the estimates' mean must be the truth within its error. `--break narrow` takes half the interval.
 */
export const verifyLocalPrivacy: Proof = async ({ short, broken, print }) => {
  const noise = short ? new ExactNoise(seededBytes(SHORT_SEED)) : new ExactNoise();
  const { repeats, users } = short ? SHORT : { repeats: REPEATS, users: USERS };
  let holds = true;
  for (const each of CASES) {
    const { covered, bias } = measured(each, repeats, users, noise, broken === 'narrow' ? 0.5 : 1);
    const shares = covered.map((count) => count / repeats);
    const coverage = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const isGood = coverage >= COVERAGE[0] && coverage <= COVERAGE[1] && bias < 4;
    holds &&= isGood;
    print(
      `${each.kind}, ${shares.length} values, epsilon ${each.epsilon}: ${repeats} repeats of ${users} users, covered ` +
        `${percent(coverage)} (by value ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}), ` +
        `largest bias ${bias.toFixed(2)} standard errors${isGood ? '' : ', WRONG'}`,
    );
  }
  return holds;
};

function measured(
  { kind, epsilon, shares }: Case,
  repeats: number,
  users: number,
  noise: ExactNoise,
  width: number,
): { covered: number[]; bias: number } {
  const mechanism = localMechanism(kind, shares.length, epsilon);
  const counts = shares.map((share) => Math.round(share * users));
  const covered = shares.map(() => 0);
  const errors = shares.map(() => ({ sum: 0, squares: 0 }));
  for (let repeat = 0; repeat < repeats; repeat++) {
    const named = shares.map(() => 0);
    for (const [value, count] of counts.entries())
      for (let i = 0; i < count; i++) for (const index of mechanism.report(value, noise)) named[index]++;
    for (const [i, { share, low, high }] of mechanism.estimate(named, users).entries()) {
      const error = share - counts[i] / users;
      if (Math.abs(error) <= (width * (high - low)) / 2) covered[i]++;
      errors[i].sum += error;
      errors[i].squares += error * error;
    }
  }
  const bias = Math.max(...errors.map(({ sum, squares }) => Math.abs(sum) / Math.sqrt(squares)));
  return { covered, bias };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
