import type { LearntSource } from '../../common/bundle/learnt-sources.ts';
import { Part } from '../../common/bundle/manifest.ts';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { bytesOf } from '../../common/columns.ts';
import { countOf, type ItemCounters } from '../../common/features/item-counters.ts';
import type { Settings } from '../../common/models/candidate-families.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { encodePopularity, fitPopularity, type PopularityModel } from '../../common/models/popularity.ts';
import { privateCounts, privatePopularity } from '../../common/models/private-counts.ts';
import { itemTexts } from '../../common/text/item-text.ts';
import { buildPostings, encodePostings } from '../../common/text/postings.ts';
import { createTokeniser } from '../../common/text/tokenise.ts';
import type { TrainConfig } from './config.ts';
import { importedParts } from './learners/imported.ts';
import type { LearnRun } from './learners/learner.ts';
import { LEARNERS } from './learners/table.ts';
import type { Progress } from './progress.ts';

/** Parts of a bundle by name. */
export type Parts = Partial<Record<Part, Uint8Array>>;

const DAY_MS = 86_400_000;
/** Bundles that a run publishes: the one that is measured, and the one that learns from everything. */
export const RELEASES = 2;
const TOKENISER = { stemmer: 'porter', stopwords: 'english' } as const;

/** The parts that depend on the catalogue alone. CONFIG_INVALID where no item has the vectors that the configuration names. */
export async function catalogueParts(
  catalogue: Catalogue,
  { vectors }: TrainConfig,
  progress: Progress,
): Promise<Parts> {
  const imported: Parts = {};
  for (const configured of vectors)
    Object.assign(imported, await importedParts(catalogue, configured, progress));
  return {
    ...imported,
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

/** The settings of the learnt sources, by source. */
export type ChosenSettings = Readonly<Partial<Record<LearntSource, Settings>>>;

/** The parts learnt from interactions, the ranker left out. */
export async function learntParts(
  { matrix, counters, catalogue, nowMs }: Learnable,
  chosen: ChosenSettings,
  run: LearnRun,
): Promise<Parts> {
  const { config } = run;
  const parts: Parts = {};
  const { distanceHalfLife } = config.itemToItem;
  const counts =
    config.privacy && privateCounts(matrix, config.privacy, { releases: RELEASES, distanceHalfLife });
  for (const source of config.candidates) {
    const learnt = LEARNERS[source].learn(matrix, chosen[source] ?? {}, { ...run, privateCounts: counts });
    Object.assign(parts, await learnt);
  }
  const { halfLifeDays } = config.popularity;
  const popularity =
    counts === undefined
      ? fitPopularity(matrix, {
          halfLifeMs: halfLifeDays === undefined ? Number.POSITIVE_INFINITY : halfLifeDays * DAY_MS,
        })
      : privatePopularity(counts);
  const positives = counters.column('positive');
  const positivesOf = (ordinal: number): number =>
    counts === undefined ? countOf(positives, ordinal) : (counts.users[ordinal] ?? 0);
  const fallback = vettedItems(popularity, { catalogue, positivesOf, nowMs }, config.fallback);
  return {
    ...parts,
    [Part.popularity]: encodePopularity(popularity),
    [Part.counters]: counters.serialise(),
    [Part.fallback]: bytesOf(fallback),
  };
}

interface Vetting extends Pick<Learnable, 'catalogue' | 'nowMs'> {
  /** Positive events of an item. */
  readonly positivesOf: (ordinal: number) => number;
}

/**
 * Popular items that may be shown to anyone: in the catalogue, not blocked, available at `nowMs`, without regional limits. Items
 * with too few positive events come last, for a catalogue without enough others.
 */
function vettedItems(
  { order }: PopularityModel,
  { catalogue, positivesOf, nowMs }: Vetting,
  { length, positivesMin }: TrainConfig['fallback'],
): Uint32Array {
  const fit = order.filter((ordinal) => {
    const item = catalogue.item(ordinal);
    if (item === undefined || catalogue.isBlocked(ordinal, nowMs) || item.regions.length > 0) return false;
    const { availableFromMs: from, availableUntilMs: until } = item;
    return from <= nowMs && (until === 0 || nowMs < until);
  });
  const proven = fit.filter((ordinal) => positivesOf(ordinal) >= positivesMin);
  const others = fit.filter((ordinal) => positivesOf(ordinal) < positivesMin);
  return Uint32Array.of(
    ...proven.subarray(0, length),
    ...others.subarray(0, Math.max(0, length - proven.length)),
  );
}
