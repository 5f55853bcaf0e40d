import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import type { Served } from './served.ts';

/** A way to compute the features wrongly, to see that the proof would notice. */
export interface Breakage {
  /** The events that are folded instead. */
  readonly events?: (event: Event) => readonly Event[];
  /** The offset up to which events are counted instead. */
  readonly countersAt?: (served: Served) => number;
  /** The catalogue's epoch instead. */
  readonly epochOf?: (served: Served) => number;
}

/** The right way. */
export const unbroken: Breakage = {};

const LATE_MS = 60_000;
const DUPLICATED = 5;

/** Wrong ways, by name; a new object for every run. */
export const BREAKAGES: Readonly<Record<string, { wrong: string; make: () => Breakage }>> = {
  reducer: { wrong: 'clicks are folded as impressions', make: () => ({ events: withoutClick }) },
  late: { wrong: 'events that come late are left out', make: () => ({ events: inTime() }) },
  duplicates: { wrong: 'every fifth event counts twice', make: () => ({ events: withDuplicates() }) },
  counters: {
    wrong: 'counters are those of the record’s own place in the log',
    make: () => ({ countersAt: ({ offset }) => offset }),
  },
  catalogue: {
    wrong: 'items are as they are at the end',
    make: () => ({ epochOf: () => Number.POSITIVE_INFINITY }),
  },
};

function withoutClick(event: Event): Event[] {
  const { feedback } = event;
  if (feedback?.action !== Action.ACTION_CLICK) return [event];
  return [{ ...event, feedback: { ...feedback, action: Action.ACTION_IMPRESSION } }];
}

/** Leaves out feedback of a time more than a minute before the latest one. */
function inTime(): (event: Event) => Event[] {
  let latestMs = 0;
  return (event) => {
    if (event.feedback === undefined) return [event];
    latestMs = Math.max(latestMs, event.timeMs);
    return event.timeMs < latestMs - LATE_MS ? [] : [event];
  };
}

function withDuplicates(): (event: Event) => Event[] {
  let count = 0;
  return (event) => (event.feedback !== undefined && ++count % DUPLICATED === 0 ? [event, event] : [event]);
}
