import { type Filter, itemwise } from './filter.ts';
import { grownTo } from './grown.ts';

/** When each item may be shown: [from, until) in ms since the Unix epoch, by ordinal. An item never set is always available. */
export class AvailabilityWindows {
  #fromMs = new Float64Array(0);
  #untilMs = new Float64Array(0);

  /** An undefined end is open. Sets anew what was set before. */
  set(ordinal: number, fromMs: number | undefined, untilMs: number | undefined): void {
    if (ordinal >= this.#fromMs.length) {
      if (fromMs === undefined && untilMs === undefined) return;
      this.#fromMs = grownTo(this.#fromMs, ordinal + 1, Number.NEGATIVE_INFINITY);
      this.#untilMs = grownTo(this.#untilMs, ordinal + 1, Number.POSITIVE_INFINITY);
    }
    this.#fromMs[ordinal] = fromMs ?? Number.NEGATIVE_INFINITY;
    this.#untilMs[ordinal] = untilMs ?? Number.POSITIVE_INFINITY;
  }

  /** Whether no item was ever given an end. */
  get isEmpty(): boolean {
    return this.#fromMs.length === 0;
  }

  holds(ordinal: number, nowMs: number): boolean {
    return (
      ordinal >= this.#fromMs.length || (this.#fromMs[ordinal] <= nowMs && nowMs < this.#untilMs[ordinal])
    );
  }
}

/** Removes items whose window does not hold the request's time. */
export function availabilityFilter(windows: AvailabilityWindows): Filter {
  return itemwise(
    'availability',
    ({ nowMs }) =>
      (item) =>
        !windows.holds(item, nowMs),
  );
}
