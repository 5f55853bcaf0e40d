/** Rankers by the name that configuration and benchmarks know them by. */
export const RANKER_NAMES = ['linear', 'logistic', 'neural', 'ranknet', 'listnet', 'lambdamart'] as const;
export type RankerName = (typeof RANKER_NAMES)[number];
