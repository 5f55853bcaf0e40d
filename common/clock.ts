import { setTimeout } from 'node:timers/promises';

/** The one clock. Times are milliseconds since the Unix epoch, UTC. */
export interface Clock {
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** Resolves after `ms` milliseconds, or as soon as `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
