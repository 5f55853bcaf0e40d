/** Events of one Append. */
export const EVENTS_MAX = 10_000;
/** Events of one batch of a subscription, if the subscriber says nothing. */
export const BATCH_DEFAULT = 1_000;
