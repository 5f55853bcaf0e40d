import type { ArmStatistic } from './arm-statistics.ts';
import { IndexBandit } from './index-bandit.ts';

/** The value of an arm that nothing is known of. */
const UNKNOWN_VALUE = 0.5;

/** The arm of the best average, or any arm with probability epsilon. */
export class EpsilonGreedy extends IndexBandit {
  protected indexOf({ weight, sum }: Readonly<ArmStatistic>): number {
    return (sum + UNKNOWN_VALUE) / (weight + 1);
  }
}
