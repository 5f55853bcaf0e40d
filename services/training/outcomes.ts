import type { OutcomeTask } from '../../common/models/second-stage-tasks.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import type { LogData } from './dataset/from-log.ts';
import type { Target } from './positives.ts';

/** What an item that was taken up came to, by task; NaN: nothing of the kind was recorded. */
export type Outcome = Readonly<Record<OutcomeTask, number>>;

export const NO_OUTCOME: Outcome = { watch: Number.NaN, rating: Number.NaN };

/** The outcomes of the targets: seconds watched over all of a pair's events, and its last rating. */
export function outcomesOf(
  { feedback, catalogue }: LogData,
  targets: readonly Target[],
): (target: Pick<Target, 'user' | 'item'>) => Outcome {
  const keyOf = (user: number, item: number): number => user * catalogue.size + item;
  const outcomes = new Map(targets.map(({ user, item }) => [keyOf(user, item), { ...NO_OUTCOME }]));
  const { user, item, action, value } = feedback;
  for (let row = 0; row < user.length; row++) {
    if (Number.isNaN(value[row])) continue;
    const outcome = outcomes.get(keyOf(user[row], item[row]));
    if (outcome === undefined) continue;
    if (action[row] === Action.ACTION_RATING) outcome.rating = value[row];
    else if (action[row] === Action.ACTION_WATCH)
      outcome.watch = (Number.isNaN(outcome.watch) ? 0 : outcome.watch) + value[row];
  }
  return (target) => outcomes.get(keyOf(target.user, target.item)) ?? NO_OUTCOME;
}
