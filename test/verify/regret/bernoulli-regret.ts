import { Random } from '../../../common/random.ts';
import type { Bandit } from '../../../services/reranking/bandits/bandit.ts';
import { armAt } from '../../../services/reranking/bandits/distributions.ts';

const NO_CONTEXTS = new Float32Array(0);

/** The regret of a bandit on arms that give 1 with these probabilities. */
export function bernoulliRegret(
  bandit: Bandit,
  means: readonly number[],
  rounds: number,
  seed: number,
): number {
  const random = new Random(seed);
  const arms = { count: means.length, ids: means.map((_, arm) => `arm-${arm}`), contexts: NO_CONTEXTS };
  const policy = new Float64Array(means.length);
  const best = Math.max(...means);
  let regret = 0;
  for (let round = 0; round < rounds; round++) {
    bandit.policy(arms, random, policy);
    const chosen = armAt(policy, random.next());
    const reward = random.next() < means[chosen] ? 1 : 0;
    regret += best - means[chosen];
    bandit.learn({ arms, chosen, probability: policy[chosen], reward }, random);
  }
  return regret;
}
