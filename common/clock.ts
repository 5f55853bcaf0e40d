import { setTimeout } from 'node:timers/promises';

/** The one clock. Times are milliseconds since the Unix epoch, UTC. */
export interface Clock {
  nowMs(): number;
}

/** An event may lie so far ahead of our clock, as clocks differ and dates have zones; later ones are refused. Milliseconds. */
export const FUTURE_MS_MAX = 24 * 3_600_000;

export const systemClock: Clock = { nowMs: () => Date.now() };

/** Resolves after `ms` milliseconds, or as soon as `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
