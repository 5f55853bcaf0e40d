import type { ExposureLedger } from '../fairness/exposure-ledger.ts';
import type { ItemFields } from '../item-fields.ts';
import type { ObjectiveWeights } from '../policy-schema.ts';
import { freshness } from './freshness.ts';
import { margin } from './margin.ts';
import { novelty } from './novelty.ts';
import type { Objective } from './objective.ts';
import { providerFairness } from './provider-fairness.ts';
import { relevance } from './relevance.ts';
import { watchTime } from './watch-time.ts';

/** What objectives are made of. */
export interface ObjectiveParts {
  readonly fields: ItemFields;
  readonly ledger: ExposureLedger;
  /** Interactions by ordinal. */
  readonly popularity: Float32Array;
  readonly freshnessHalfLifeDays: number;
  readonly providerAttribute: string;
  readonly marginAttribute: string;
}

/** The aims of single items; diversity, an aim of the whole slate, is the selector's. */
export const objectiveTable: Record<
  Exclude<keyof ObjectiveWeights, 'diversity'>,
  (parts: ObjectiveParts) => Objective
> = {
  relevance: () => relevance,
  watchTime: () => watchTime,
  novelty: ({ popularity }) => novelty(popularity),
  freshness: ({ fields, freshnessHalfLifeDays }) => freshness(fields.startMs, freshnessHalfLifeDays),
  providerFairness: ({ fields, ledger, providerAttribute }) =>
    providerFairness(fields.values(providerAttribute), ledger.providers),
  margin: ({ fields, marginAttribute }) => margin(fields.numbers(marginAttribute)),
};
