import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { Random } from '../../common/random.ts';
import { type TrainConfig, weightOfAction } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import type { Trial } from './evaluation.ts';
import { lastPairs, PairSet, positivesOf, type Target, withoutPairs } from './positives.ts';

/** Leave-one-out over the log. */
export interface Holdout {
  /** All positives. */
  readonly full: InteractionMatrix;
  /** The positives without the test pairs. */
  readonly train: InteractionMatrix;
  /** One pair of each user measured. */
  readonly test: readonly Target[];
  readonly testPairs: PairSet;
}

/** Holds out the last pair of each user, or of so many users drawn by the seed as the configuration measures. */
export function holdOut(data: LogData, config: TrainConfig): Holdout {
  const { catalogue } = data;
  const full = positivesOf(data, weightOfAction(config));
  const itemIds = Array.from({ length: catalogue.size }, (_, ordinal) => catalogue.idOf(ordinal));
  const test = drawn(lastPairs(full, itemIds), config.evaluation.usersMax, new Random(config.seed));
  const testPairs = PairSet.of(test, catalogue.size);
  return { full, train: withoutPairs(full, testPairs), test, testPairs };
}

/** The test pairs as trials. */
export function trialsOf({ users }: LogData, { test }: Holdout): Trial[] {
  return test.map(({ user, item, timeMs }) => ({ userId: users[user], item, timeMs }));
}

/** At most `count` of `values`, in their order. */
export function drawn<T>(values: readonly T[], count: number, random: Random): readonly T[] {
  if (values.length <= count) return values;
  const chosen = random.shuffle(Uint32Array.from(values.keys())).subarray(0, count).sort();
  return Array.from(chosen, (index) => values[index]);
}
