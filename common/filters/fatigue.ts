import type { OrdinalSet } from '../ordinal-set.ts';
import type { FatigueRule } from './config.ts';
import { type Filter, itemwise } from './filter.ts';

const DAY_MS = 86_400_000;

/**
 * Removes items that were shown to the user `shown` times within `days` and not acted on since. Cannot decide where impressions are
 * not kept. `scratch` is refilled on each call.
 */
export function fatigueFilter(rule: FatigueRule | undefined, scratch: OrdinalSet): Filter {
  let times = new Uint16Array(0);
  const isTired = (item: number): boolean => {
    const place = scratch.indexOf(item);
    return place !== -1 && times[place] >= (rule?.shown ?? Number.POSITIVE_INFINITY);
  };
  return itemwise('fatigue', ({ user, nowMs }) => {
    if (rule === undefined) return undefined;
    if (user.shown === undefined) throw new Error('the user state holds no impressions');
    const { items, seconds } = user.shown;
    const fromMs = nowMs - rule.days * DAY_MS;
    if (times.length < items.length) times = new Uint16Array(items.length);
    scratch.clear();
    for (let place = 0; place < items.length; place++) {
      if (seconds[place] * 1_000 < fromMs) continue;
      if (scratch.add(items[place])) times[scratch.size - 1] = 0;
      times[scratch.indexOf(items[place])]++;
    }
    return isTired;
  });
}
