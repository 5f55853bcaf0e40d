import type { Random } from '../../../common/random.ts';
import { ArmBandit } from './arm-bandit.ts';
import type { Arms } from './bandit.ts';
import { BestArm, type ValueBelief } from './best-arm.ts';
import { normalCumulative } from './normal.ts';

/** What nothing is known of: N(0.5, 0.25), worth one outcome. */
const PRIOR = { mean: 0.5, variance: 0.25 };
const VARIANCE_MIN = 1e-6;

/**
 * Thompson sampling of arms whose rewards vary in any way: each arm's mean is normal around its shrunken average, with the variance
 * of its rewards over their number. Its probabilities are integrated, not sampled.
 */
export class ThompsonGaussian extends ArmBandit {
  readonly #best = new BestArm();
  readonly #beliefs: NormalBelief[] = [];

  policy({ count, ids, bonuses }: Arms, _random: Random, out: Float64Array): void {
    while (this.#beliefs.length < count) this.#beliefs.push(new NormalBelief());
    for (let arm = 0; arm < count; arm++) {
      const { weight, sum, squares } = this.statisticOf(ids[arm]);
      const outcomes = weight + 1;
      const mean = (sum + PRIOR.mean) / outcomes;
      const spread = (squares + PRIOR.mean ** 2 + PRIOR.variance) / outcomes - mean * mean;
      this.#beliefs[arm].mean = mean + (bonuses?.[arm] ?? 0);
      this.#beliefs[arm].deviation = Math.sqrt(Math.max(VARIANCE_MIN, spread) / outcomes);
    }
    this.#best.probabilities(this.#beliefs, out);
  }
}

class NormalBelief implements ValueBelief {
  mean = 0;
  deviation = 1;

  cumulative(value: number): number {
    return normalCumulative((value - this.mean) / this.deviation);
  }
}
