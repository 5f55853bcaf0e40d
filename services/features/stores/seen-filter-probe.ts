import { measureBloomRate, ObservedRate } from '../../../common/bloom/rate.ts';
import { Random } from '../../../common/random.ts';
import type { User } from '../../../common/user-state.ts';
import type { UserRecord } from '../../../common/users/user-record.ts';

const PROBES = 100;
const PROBE_SHARE = 0.01;

/** Measures the false-positive rate of the filters of older seen items on a share of the states made. */
export class SeenFilterProbe {
  readonly #random = new Random(1);
  readonly #rate = new ObservedRate('seen');

  /** Asks the filter for random items that the user has not seen; of no use where there are hardly any. */
  maybe({ seenFilter }: User, record: UserRecord | undefined, catalogueSize: number): void {
    if (seenFilter === undefined || record === undefined || this.#random.next() >= PROBE_SHARE) return;
    if (record.seenCount * 2 > catalogueSize) return;
    const rate = measureBloomRate(
      seenFilter,
      (key) => record.hasSeen(key),
      catalogueSize,
      PROBES,
      this.#random,
    );
    this.#rate.observe(PROBES, rate * PROBES);
  }
}
