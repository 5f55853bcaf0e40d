import type { Random } from '../../../common/random.ts';
import type { ArmStatistic, ArmStatistics } from './arm-statistics.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { epsilonGreedy } from './distributions.ts';

/**
 * UCB1 (Auer, Cesa-Bianchi & Fischer 2002): the arm with the largest average + sqrt(2 ln t / n), an arm without an outcome first; ties go
 * to the earlier arm. As this is deterministic, epsilon of the choices are spread evenly.
 */
export class Ucb1 implements Bandit {
  readonly #statistics: ArmStatistics;
  readonly #epsilon: number;
  readonly #statistic: ArmStatistic = { weight: 0, sum: 0, squares: 0, at: 0 };

  constructor(statistics: ArmStatistics, epsilon: number) {
    this.#statistics = statistics;
    this.#epsilon = epsilon;
  }

  policy({ count, ids, bonuses }: Arms, _random: Random, out: Float64Array): void {
    const scale = 2 * Math.log(Math.max(1, this.#statistics.total));
    let top = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let arm = 0; arm < count; arm++) {
      this.#statistics.read(ids[arm], this.#statistic);
      const { weight, sum } = this.#statistic;
      const index =
        weight === 0
          ? Number.POSITIVE_INFINITY
          : sum / weight + Math.sqrt(scale / weight) + (bonuses?.[arm] ?? 0);
      if (index <= highest) continue;
      top = arm;
      highest = index;
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
