import type { ArmStatistic } from './arm-statistics.ts';
import { IndexBandit } from './index-bandit.ts';

/** UCB1 (Auer, Cesa-Bianchi & Fischer 2002): the arm with the largest average + sqrt(2 ln t / n), an arm without an outcome first. */
export class Ucb1 extends IndexBandit {
  protected indexOf({ weight, sum }: Readonly<ArmStatistic>): number {
    if (weight === 0) return Number.POSITIVE_INFINITY;
    return sum / weight + Math.sqrt((2 * Math.log(Math.max(1, this.total))) / weight);
  }
}
