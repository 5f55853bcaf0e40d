import type { Action } from '../../gen/millrace/type/v1/type.ts';

/** In `UserColumns.seenUntil`: seen for ever. */
export const FOR_EVER = 0xffffffff;
/** In `UserColumns.seenUntil`: acted on, but by no action that makes it seen. */
const NEVER = 0;
const ACTIONS = 256;
const DAY_SECONDS = 86_400;

/** One rule of what makes an item seen. */
export interface SeenRule {
  readonly actions: readonly Action[];
  /** Undefined: for ever. */
  readonly days?: number | undefined;
}

/** By action, for how many seconds after it the item is seen: 0: not by this action, Infinity: for ever; the longest rule counts. */
export function seenSecondsOf(rules: readonly SeenRule[]): Float64Array {
  const seconds = new Float64Array(ACTIONS);
  for (const { actions, days = Number.POSITIVE_INFINITY } of rules)
    for (const action of actions) seconds[action] = Math.max(seconds[action], days * DAY_SECONDS);
  return seconds;
}

/** Until when an event makes its item seen, seconds since the Unix epoch, exclusive; FOR_EVER or NEVER. */
export function seenUntil(action: Action, timeMs: number, seenSeconds: Float64Array): number {
  const seconds = seenSeconds[action];
  if (seconds === 0) return NEVER;
  return Math.min(FOR_EVER, Math.max(NEVER + 1, Math.ceil(timeMs / 1_000 + seconds)));
}
