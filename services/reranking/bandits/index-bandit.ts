import type { Random } from '../../../common/random.ts';
import { ArmBandit } from './arm-bandit.ts';
import type { ArmStatistic, ArmStatistics } from './arm-statistics.ts';
import type { Arms } from './bandit.ts';
import { epsilonGreedy } from './distributions.ts';

/** The arm of the largest index, ties to the earlier arm. As this is deterministic, epsilon of the choices are spread evenly. */
export abstract class IndexBandit extends ArmBandit {
  readonly #epsilon: number;

  constructor(statistics: ArmStatistics, epsilon: number) {
    super(statistics);
    this.#epsilon = epsilon;
  }

  policy({ count, ids, bonuses }: Arms, _random: Random, out: Float64Array): void {
    let top = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let arm = 0; arm < count; arm++) {
      const index = this.indexOf(this.statisticOf(ids[arm])) + (bonuses?.[arm] ?? 0);
      if (index <= highest) continue;
      top = arm;
      highest = index;
    }
    epsilonGreedy(top, this.#epsilon, out);
  }

  /** An arm's index, without its bonus; may be infinite. */
  protected abstract indexOf(statistic: Readonly<ArmStatistic>): number;
}
