import { MillraceError } from '../../common/errors.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { Random } from '../../common/random.ts';
import { type SplitConfig, type TrainConfig, weightOfEvents } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import type { Trial } from './evaluation.ts';
import { cutOf, PairSet, positivesOf, type Target, testPairsOf, withoutPairs } from './positives.ts';

/** A split of the log into what is learnt from and what is measured by. */
export interface Holdout {
  readonly split: SplitConfig;
  /** All positives. */
  readonly full: InteractionMatrix;
  /** The positives without the pairs held out. */
  readonly train: InteractionMatrix;
  /** The pairs of each user measured, users in order, a user's oldest first. */
  readonly test: readonly Target[];
  /** All pairs held out. */
  readonly testPairs: PairSet;
}

/**
 * Holds out by `config.evaluation`. So many users are measured as it says, drawn by the seed; of the others leave-one-out and
 * ratio hold out nothing. A time split holds out every pair, also of events that are no positives, that has an event from the cut
 * on, and measures users with something before it. CONFIG_INVALID where a split leaves nothing to learn from or to measure by.
 */
export function holdOut(data: LogData, config: TrainConfig): Holdout {
  const { catalogue } = data;
  const { split, usersMax } = config.evaluation;
  const full = positivesOf(data, weightOfEvents(config));
  const itemIds = Array.from({ length: catalogue.size }, (_, ordinal) => catalogue.idOf(ordinal));
  const byUser = groupedByUser(testPairsOf(full, split, itemIds));
  const random = new Random(config.seed);
  if (split === 'leave-one-out' || 'ratio' in split) {
    const test = drawn(byUser, usersMax, random).flat();
    const testPairs = PairSet.of(test, catalogue.size);
    return { split, full, train: withoutPairs(full, testPairs), test, testPairs };
  }
  const testPairs = PairSet.of(pairsFrom(data, cutOf(full, split.time)), catalogue.size);
  const train = withoutPairs(full, testPairs);
  const known = byUser.filter(([{ user }]) => train.offsets[user] < train.offsets[user + 1]);
  if (known.length === 0)
    throw new MillraceError(
      'CONFIG_INVALID',
      `train.evaluation.split: no user has positives on both sides of time ${split.time}`,
    );
  return { split, full, train, test: drawn(known, usersMax, random).flat(), testPairs };
}

/** One trial for each user measured, at the time of the first pair held out. */
export function trialsOf({ users }: LogData, { test, train }: Holdout): Trial[] {
  return groupedByUser(test).map((pairs) => {
    const [{ user, timeMs }] = pairs;
    return {
      userId: users[user],
      timeMs,
      relevant: new Set(pairs.map(({ item }) => item)),
      history: train.columns.subarray(train.offsets[user], train.offsets[user + 1]),
    };
  });
}

/** At most `count` of `values`, in their order. */
export function drawn<T>(values: readonly T[], count: number, random: Random): readonly T[] {
  if (values.length <= count) return values;
  const chosen = random.shuffle(Uint32Array.from(values.keys())).subarray(0, count).sort();
  return Array.from(chosen, (index) => values[index]);
}

/** Pairs that stand by user, in groups of one user each. */
function groupedByUser(pairs: readonly Target[]): Target[][] {
  const groups: Target[][] = [];
  for (const pair of pairs) {
    const last = groups.at(-1);
    if (last?.[0].user === pair.user) last.push(pair);
    else groups.push([pair]);
  }
  return groups;
}

function* pairsFrom({ feedback }: LogData, fromMs: number): Generator<{ user: number; item: number }> {
  for (let row = 0; row < feedback.user.length; row++)
    if (feedback.timeMs[row] >= fromMs) yield { user: feedback.user[row], item: feedback.item[row] };
}
