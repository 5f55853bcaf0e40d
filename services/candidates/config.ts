import { z } from 'zod';
import { hnswDefaults } from '../../common/ann/hnsw.ts';
import { bm25Defaults } from '../../common/text/bm25-variants.ts';

/** Candidates that one request may ask for. */
export const LIMIT_MAX = 10_000;
/** Seeds that one request may name. */
export const SEEDS_MAX = 1_000;
/** Items that one request may not want. */
export const EXCLUDED_MAX = 50_000;
/** Distinct positives from which on the personal sources get their whole quota. */
export const WARM_POSITIVES = 10;
/** Share of the time left that a source which answers later may take; the rest is for merging. */
export const SOURCE_DEADLINE_SHARE = 0.8;

const IMPORTED_QUOTA = 150;
const IMPORTED_WEIGHT = 0.25;

function source(quota: number, weight: number) {
  return z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Candidates asked for at full quality. */
      quota: z.number().int().min(1).max(LIMIT_MAX).default(quota),
      /** Weight of the source's ranks in the fusion. */
      weight: z.number().positive().max(1_000).default(weight),
    })
    .prefault({});
}

const historyMax = (events: number) => z.number().int().min(1).max(10_000).default(events);

export const candidatesSchema = z.strictObject({
  /** Weights chosen on MovieLens-100K by NDCG@10 of the merged list on each user's event before the test event. */
  sources: z
    .strictObject({
      ials: source(300, 1),
      bprmf: source(200, 0.5),
      lightgcn: source(200, 0.5),
      svd: source(200, 0.5),
      als: source(200, 0.5),
      gmf: source(200, 0.5),
      twotower: source(200, 0.5),
      item_to_item: source(200, 1),
      ease: source(200, 0.5),
      mlp: source(200, 0.5),
      neumf: source(200, 0.5),
      bm25: source(150, 0.25),
      popularity: source(150, 0.2),
      fresh: source(30, 0.25),
    })
    .prefault({}),
  /** Sources of imported vectors by attribute, where they are not to be as others are. */
  imported: z.record(z.string(), source(IMPORTED_QUOTA, IMPORTED_WEIGHT)).default({}),
  vectors: z
    .strictObject({
      /** Latest positives that the user's vector is made from. */
      historyMax: historyMax(200),
      /** Breadth of a search in the HNSW index, at least. */
      efSearch: z.number().int().min(1).max(100_000).default(hnswDefaults.efSearch),
      /**
       * Breadth per row searched for. On 100,000 × 64 with varying norms, 350 rows: 2.5 finds .96 of the first hundred and .93
       * of all in 1.2 ms, 5 finds .99 and .97 in 2 ms, which is what exact search takes.
       */
      efPerNeighbour: z.number().min(1).max(100).default(2.5),
    })
    .prefault({}),
  neighbours: z.strictObject({ historyMax: historyMax(50) }).prefault({}),
  bm25: z
    .strictObject({
      variant: z.enum(['lucene', 'robertson', 'atire', 'bm25l', 'bm25+']).default(bm25Defaults.variant),
      k1: z.number().nonnegative().max(100).default(bm25Defaults.k1),
      b: z.number().min(0).max(1).default(bm25Defaults.b),
      /** Latest positives whose texts make the profile. */
      historyMax: historyMax(20),
      /** Events after which a text's weight in the profile has halved. */
      halfLifeEvents: z.number().positive().max(1e6).default(5),
      /** Terms of the profile that are searched for, the strongest. */
      termsMax: z.number().int().min(1).max(1_000).default(32),
    })
    .prefault({}),
});
export type CandidatesConfig = z.output<typeof candidatesSchema>;

type SourceSettings = CandidatesConfig['sources'][keyof CandidatesConfig['sources']];

/** The settings of a source, of imported vectors too. */
export function settingsOf({ sources, imported }: CandidatesConfig, name: string): SourceSettings {
  if (Object.hasOwn(sources, name)) return sources[name as keyof typeof sources];
  return imported[name] ?? { enabled: true, quota: IMPORTED_QUOTA, weight: IMPORTED_WEIGHT };
}
