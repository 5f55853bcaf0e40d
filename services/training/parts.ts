import { EXACT_ROWS_MAX } from '../../common/ann/create-index.ts';
import { HnswIndex, hnswDefaults } from '../../common/ann/hnsw.ts';
import { VectorTable } from '../../common/ann/vectors.ts';
import { indexPart, modelPart } from '../../common/bundle/learnt-sources.ts';
import { Part } from '../../common/bundle/manifest.ts';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { bytesOf } from '../../common/columns.ts';
import type { ItemCounters } from '../../common/features/item-counters.ts';
import { encodeIals, fitIals, type IalsModel } from '../../common/models/ials.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { encodeItemToItem, fitItemToItem } from '../../common/models/item-to-item.ts';
import { encodePopularity, fitPopularity, type PopularityModel } from '../../common/models/popularity.ts';
import { itemTexts } from '../../common/text/item-text.ts';
import { buildPostings, encodePostings } from '../../common/text/postings.ts';
import { createTokeniser } from '../../common/text/tokenise.ts';
import type { TrainConfig } from './config.ts';
import type { Progress } from './progress.ts';

/** Parts of a bundle by name. */
export type Parts = Partial<Record<Part, Uint8Array>>;

const DAY_MS = 86_400_000;
const TOKENISER = { stemmer: 'porter', stopwords: 'english' } as const;

/** The parts that depend on the catalogue alone. */
export function catalogueParts(catalogue: Catalogue): Parts {
  return {
    [Part.catalogue]: catalogue.serialise(),
    [Part.bm25]: encodePostings(buildPostings(itemTexts(catalogue), createTokeniser(TOKENISER))),
  };
}

/** What the retrieval parts are learnt from. */
export interface Learnable {
  readonly matrix: InteractionMatrix;
  readonly counters: ItemCounters;
  readonly catalogue: Catalogue;
  /** The time for which the fallback list is vetted, milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** The parts learnt from interactions, the ranker left out. */
export async function learntParts(
  { matrix, counters, catalogue, nowMs }: Learnable,
  config: TrainConfig,
  progress: Progress,
): Promise<Parts> {
  const { sweeps } = config.ials;
  const ials = fitIals(matrix, { ...config.ials, seed: config.seed }, (done) =>
    progress('iALS', done, sweeps),
  );
  const itemToItem = fitItemToItem(matrix, config.itemToItem);
  const { halfLifeDays } = config.popularity;
  const popularity = fitPopularity(matrix, {
    halfLifeMs: halfLifeDays === undefined ? Number.POSITIVE_INFINITY : halfLifeDays * DAY_MS,
  });
  const fallback = vettedItems(popularity, { catalogue, counters, nowMs }, config.fallback);
  return {
    [modelPart('ials')]: encodeIals(ials),
    ...(await builtIndex(ials, progress)),
    [modelPart('item_to_item')]: encodeItemToItem(itemToItem),
    [Part.popularity]: encodePopularity(popularity),
    [Part.counters]: counters.serialise(),
    [Part.fallback]: bytesOf(fallback),
  };
}

/** An HNSW index where exact search would be slower. */
async function builtIndex(
  { itemFactors, itemCount, options }: IalsModel,
  progress: Progress,
): Promise<Parts> {
  if (itemCount <= EXACT_ROWS_MAX) return {};
  const table = new VectorTable(itemFactors as Float32Array<ArrayBuffer>, options.dim, 'ip');
  const index = HnswIndex.build(table, hnswDefaults, (rows) => progress('HNSW', rows, itemCount));
  return { [indexPart('ials')]: await index.toBytes() };
}

/**
 * Popular items that may be shown to anyone: in the catalogue, not blocked, available at `nowMs`, without regional limits. Items
 * with too few positive events come last, for a catalogue without enough others.
 */
function vettedItems(
  { order }: PopularityModel,
  { catalogue, counters, nowMs }: Omit<Learnable, 'matrix'>,
  { length, positivesMin }: TrainConfig['fallback'],
): Uint32Array {
  const fit = order.filter((ordinal) => {
    const item = catalogue.item(ordinal);
    if (item === undefined || catalogue.isBlocked(ordinal, nowMs) || item.regions.length > 0) return false;
    const { availableFromMs: from, availableUntilMs: until } = item;
    return from <= nowMs && (until === 0 || nowMs < until);
  });
  const proven = fit.filter((ordinal) => counters.positive[ordinal] >= positivesMin);
  const others = fit.filter((ordinal) => counters.positive[ordinal] < positivesMin);
  return Uint32Array.of(
    ...proven.subarray(0, length),
    ...others.subarray(0, Math.max(0, length - proven.length)),
  );
}
