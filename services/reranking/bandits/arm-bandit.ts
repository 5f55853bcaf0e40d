import type { Random } from '../../../common/random.ts';
import type { ArmStatistic, ArmStatistics } from './arm-statistics.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';

/** A bandit that knows of each arm what its outcomes were, and looks at no context. */
export abstract class ArmBandit implements Bandit {
  readonly #statistics: ArmStatistics;
  readonly #statistic: ArmStatistic = { weight: 0, sum: 0, squares: 0, at: 0 };

  constructor(statistics: ArmStatistics) {
    this.#statistics = statistics;
  }

  abstract policy(arms: Arms, random: Random, out: Float64Array): void;

  learn({ arms, chosen, reward }: Outcome): void {
    this.#statistics.add(arms.ids[chosen], reward);
  }

  save(): SavedBandit {
    return this.#statistics.save();
  }

  /** The outcomes of all arms, by weight. */
  protected get total(): number {
    return this.#statistics.total;
  }

  /** What is known of an arm; valid until the next call. */
  protected statisticOf(id: string): Readonly<ArmStatistic> {
    this.#statistics.read(id, this.#statistic);
    return this.#statistic;
  }
}
