/** Events of one Append. */
export const EVENTS_MAX = 10_000;
/** Events of one batch of a subscription, if the subscriber says nothing. */
export const BATCH_DEFAULT = 1_000;
/** An encoded event of people: feedback, a user's attributes. */
export const EVENT_BYTES_MAX = 64 * 1024;
/** An encoded event that Millrace writes itself: a decision, a catalogue change. What NATS takes by default, less headers. */
export const OWN_EVENT_BYTES_MAX = 1_000_000;
