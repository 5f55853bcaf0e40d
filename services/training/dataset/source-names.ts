/** Where training can read events. */
export const TRAINING_SOURCES = ['log', 'lake'] as const;
export type SourceName = (typeof TRAINING_SOURCES)[number];
