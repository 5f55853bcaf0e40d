import type { Random } from '../../../common/random.ts';
import type { ArmStatistic, ArmStatistics } from './arm-statistics.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { epsilonGreedy } from './distributions.ts';

/** The value of an arm that nothing is known of. */
const UNKNOWN_VALUE = 0.5;

/** The arm of the best average, or any arm with probability epsilon. Ties go to the earlier arm. */
export class EpsilonGreedy implements Bandit {
  readonly #statistics: ArmStatistics;
  readonly #epsilon: number;
  readonly #statistic: ArmStatistic = { weight: 0, sum: 0, squares: 0, at: 0 };

  constructor(statistics: ArmStatistics, epsilon: number) {
    this.#statistics = statistics;
    this.#epsilon = epsilon;
  }

  policy({ count, ids, bonuses }: Arms, _random: Random, out: Float64Array): void {
    let top = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let arm = 0; arm < count; arm++) {
      this.#statistics.read(ids[arm], this.#statistic);
      const { weight, sum } = this.#statistic;
      const value = (sum + UNKNOWN_VALUE) / (weight + 1) + (bonuses?.[arm] ?? 0);
      if (value <= highest) continue;
      top = arm;
      highest = value;
    }
    epsilonGreedy(top, this.#epsilon, out);
  }

  learn({ arms, chosen, reward }: Outcome): void {
    this.#statistics.add(arms.ids[chosen], reward);
  }

  save(): SavedBandit {
    return this.#statistics.save();
  }
}
