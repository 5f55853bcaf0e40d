import { type LoggedEvent, readEventsOf } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';

/** The events of local segments in a folder, also beside the process that owns them. */
export async function* readEvents(folder: string): AsyncIterable<LoggedEvent> {
  await using reader = await SegmentLog.openReadOnly(folder);
  yield* readEventsOf(reader);
}
