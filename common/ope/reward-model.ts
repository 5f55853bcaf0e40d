import { type BanditLog, roundsOf } from './bandit-log.ts';

/**
 * Mean reward of each arm in the rounds for which `learns` is true, drawn towards the mean of all of them as by `strength` more
 * rounds of that mean (Laplace's rule with the log's own mean). An arm never drawn has that mean; no rounds: 0.
 */
export function fitArmMeans(
  log: BanditLog,
  learns: (round: number) => boolean = () => true,
  strength = priorStrength(log),
): Float64Array {
  const { arms, armCount, taken, rewards } = log;
  const sums = new Float64Array(armCount);
  const counts = new Float64Array(armCount);
  let total = 0;
  let count = 0;
  for (let round = 0; round < rewards.length; round++) {
    if (!learns(round)) continue;
    const arm = arms[taken[round]];
    sums[arm] += rewards[round];
    counts[arm]++;
    total += rewards[round];
    count++;
  }
  const mean = count === 0 ? 0 : total / count;
  return sums.map((sum, arm) => (sum + strength * mean) / Math.max(1e-12, counts[arm] + strength));
}

const STRENGTH_MIN = 10;
const STRENGTH_MAX = 1_000;

/** As many rounds as one reward takes on average: rare rewards need more before an arm is believed to differ. */
function priorStrength(log: BanditLog): number {
  const rounds = roundsOf(log);
  const rewarded = log.rewards.reduce((sum, reward) => sum + (reward === 0 ? 0 : 1), 0);
  return Math.min(STRENGTH_MAX, Math.max(STRENGTH_MIN, rounds / Math.max(1, rewarded)));
}

/**
 * By entry: the reward that `fitArmMeans` expects, learnt without the entry's round. Rounds are dealt in turn to `folds` parts,
 * and each part is predicted from the others (cross-fitting: Chernozhukov et al. 2018), so that the model's errors do not go
 * together with the rewards that it is corrected by.
 */
export function crossFitted(log: BanditLog, folds = 2): Float64Array {
  const predicted = new Float64Array(log.arms.length);
  const strength = priorStrength(log);
  for (let fold = 0; fold < folds; fold++) {
    const means = fitArmMeans(log, (round) => round % folds !== fold, strength);
    for (let round = fold; round < roundsOf(log); round += folds)
      for (let entry = log.offsets[round]; entry < log.offsets[round + 1]; entry++)
        predicted[entry] = means[log.arms[entry]];
  }
  return predicted;
}
