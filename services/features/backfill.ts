import type { LoggedEvent } from '../../common/log/events.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import type { RecordedEvent } from '../../gen/millrace/logging/v1/logging.ts';
import { FeatureFold } from './stage.ts';

const BATCH_EVENTS = 1_000;

/** Folds events that begin at offset 0, those before `untilOffset`. `progress` is told the offset reached. */
export async function backfilled(
  events: AsyncIterable<LoggedEvent>,
  limits: UserLimits,
  untilOffset: number,
  progress: (offset: number) => void = () => {},
): Promise<FeatureFold> {
  const fold = FeatureFold.empty(limits);
  let batch: RecordedEvent[] = [];
  const take = (): void => {
    const last = batch.at(-1);
    if (last === undefined) return;
    fold.apply(batch, last.offset + 1);
    progress(fold.offset);
    batch = [];
  };
  for await (const logged of events) {
    if (logged.offset >= untilOffset) break;
    batch.push(logged);
    if (batch.length === BATCH_EVENTS) take();
  }
  take();
  return fold;
}
