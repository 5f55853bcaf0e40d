import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';

/** When each item may be shown: [from, until) in ms since the Unix epoch, by ordinal. An item never set is always available. */
export class AvailabilityWindows {
  #fromMs = new Float64Array(0);
  #untilMs = new Float64Array(0);

  /** An undefined end is open. Sets anew what was set before. */
  set(ordinal: number, fromMs: number | undefined, untilMs: number | undefined): void {
    if (ordinal >= this.#fromMs.length) {
      if (fromMs === undefined && untilMs === undefined) return;
      const length = Math.max(ordinal + 1, this.#fromMs.length * 2);
      this.#fromMs = grown(this.#fromMs, length, Number.NEGATIVE_INFINITY);
      this.#untilMs = grown(this.#untilMs, length, Number.POSITIVE_INFINITY);
    }
    this.#fromMs[ordinal] = fromMs ?? Number.NEGATIVE_INFINITY;
    this.#untilMs[ordinal] = untilMs ?? Number.POSITIVE_INFINITY;
  }

  holds(ordinal: number, nowMs: number): boolean {
    return (
      ordinal >= this.#fromMs.length || (this.#fromMs[ordinal] <= nowMs && nowMs < this.#untilMs[ordinal])
    );
  }
}

/** Removes items whose window does not hold the request's time. */
export function availabilityFilter(windows: AvailabilityWindows): Filter {
  const reason = RemovalReason.REMOVAL_REASON_UNAVAILABLE;
  return {
    name: 'availability',
    reason,
    apply(items, removed, { nowMs }) {
      for (let row = 0; row < items.length; row++) {
        if (removed[row] === 0 && !windows.holds(items[row], nowMs)) removed[row] = reason;
      }
    },
  };
}

function grown(values: Float64Array<ArrayBuffer>, length: number, fill: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length).fill(fill, values.length);
  larger.set(values);
  return larger;
}
