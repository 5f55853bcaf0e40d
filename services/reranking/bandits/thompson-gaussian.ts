import type { Random } from '../../../common/random.ts';
import type { ArmStatistic, ArmStatistics } from './arm-statistics.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { BestArm, type ValueBelief } from './best-arm.ts';
import { normalCumulative } from './normal.ts';

/** What nothing is known of: N(0.5, 0.25), worth one outcome. */
const PRIOR = { mean: 0.5, variance: 0.25 };
const VARIANCE_MIN = 1e-6;

/**
 * Thompson sampling of arms whose rewards vary in any way: each arm's mean is normal around its shrunken average, with the variance
 * of its rewards over their number. Its probabilities are integrated, not sampled.
 */
export class ThompsonGaussian implements Bandit {
  readonly #statistics: ArmStatistics;
  readonly #best = new BestArm();
  readonly #statistic: ArmStatistic = { weight: 0, sum: 0, squares: 0, at: 0 };
  readonly #beliefs: NormalBelief[] = [];

  constructor(statistics: ArmStatistics) {
    this.#statistics = statistics;
  }

  policy({ count, ids, bonuses }: Arms, _random: Random, out: Float64Array): void {
    while (this.#beliefs.length < count) this.#beliefs.push(new NormalBelief());
    for (let arm = 0; arm < count; arm++) {
      this.#statistics.read(ids[arm], this.#statistic);
      const { weight, sum, squares } = this.#statistic;
      const outcomes = weight + 1;
      const mean = (sum + PRIOR.mean) / outcomes;
      const spread = (squares + PRIOR.mean ** 2 + PRIOR.variance) / outcomes - mean * mean;
      this.#beliefs[arm].mean = mean + (bonuses?.[arm] ?? 0);
      this.#beliefs[arm].deviation = Math.sqrt(Math.max(VARIANCE_MIN, spread) / outcomes);
    }
    this.#best.probabilities(this.#beliefs, out);
  }

  learn({ arms, chosen, reward }: Outcome): void {
    this.#statistics.add(arms.ids[chosen], reward);
  }

  save(): SavedBandit {
    return this.#statistics.save();
  }
}

class NormalBelief implements ValueBelief {
  mean = 0;
  deviation = 1;

  cumulative(value: number): number {
    return normalCumulative((value - this.mean) / this.deviation);
  }
}
