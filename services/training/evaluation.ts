import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { miscalibration } from '../../common/metrics/calibration.ts';
import {
  intraListDiversity,
  type Similarity,
  type SparseSets,
  serendipity,
  setCosine,
} from '../../common/metrics/diversity.ts';
import { exposureOf } from '../../common/metrics/exposure.ts';
import { RankingSummary } from '../../common/metrics/ranking-summary.ts';
import { bootstrapInterval } from '../../common/metrics/significance.ts';
import { columnEntries, type InteractionMatrix, transpose } from '../../common/models/interactions.ts';
import type { Progress } from './progress.ts';

/** Cut-off of the lists that are measured where nobody says otherwise. */
export const CUT_OFF = 10;

/** What one user took up of what was held out, and from when on. */
export interface Trial {
  readonly userId: string;
  /** Time of the request. */
  readonly timeMs: number;
  /** Ordinals of the items held out. */
  readonly relevant: ReadonlySet<number>;
  /** Ordinals of the items in the training part. */
  readonly history: Uint32Array;
}

/** Answers up to `limit` unseen items for a trial's user at its time, best first. */
export type Recommender = (request: Pick<Trial, 'userId' | 'timeMs'>, limit: number) => Promise<Uint32Array>;

/** Metrics by name, as `hr@10`. */
export type Metrics = Record<string, number>;

/** One model's figures. */
export interface Measured {
  readonly metrics: Metrics;
  /** NDCG of each trial. */
  readonly ndcg: Float64Array;
}

/** What a list is looked at against, beside what was taken up. */
export interface Background {
  readonly itemCount: number;
  /** Training interactions of each item. */
  readonly interactions: Uint32Array;
  /** By the users who took up both in the training part. */
  readonly coOccurrence: Similarity;
  /** Undefined where the catalogue has no categories. */
  readonly categories: { readonly count: number; readonly sets: SparseSets } | undefined;
}

export function backgroundOf(catalogue: Catalogue, train: InteractionMatrix): Background {
  const { offsets } = columnEntries(train);
  return {
    itemCount: catalogue.size,
    interactions: Uint32Array.from(
      { length: catalogue.size },
      (_, item) => offsets[item + 1] - offsets[item],
    ),
    coOccurrence: setCosine(transpose(train)),
    categories: categoriesOf(catalogue),
  };
}

function categoriesOf(catalogue: Catalogue): Background['categories'] {
  const numbers = new Map<string, number>();
  const offsets = new Uint32Array(catalogue.size + 1);
  const columns: number[] = [];
  for (let ordinal = 0; ordinal < catalogue.size; ordinal++) {
    const own = [...new Set(catalogue.item(ordinal)?.categories)].map((name) => {
      if (!numbers.has(name)) numbers.set(name, numbers.size);
      return numbers.get(name) as number;
    });
    columns.push(...own.sort((a, b) => a - b));
    offsets[ordinal + 1] = columns.length;
  }
  const sets = { offsets, columns: Uint32Array.from(columns) };
  return numbers.size === 0 ? undefined : { count: numbers.size, sets };
}

/**
 * Each recommender ranks all items for each trial and its list is measured at `k`. Conventions are those of `rankingMetrics` and
 * `exposureOf`; `ndcg@k-low` and `-high` bound NDCG's 95% bootstrap interval over users. `diversity` and `serendipity` are by
 * co-occurrence; `category-diversity` and `miscalibration` (list against history) by categories. A mean over lists leaves out
 * those for which a metric is not defined, and is absent where that is all of them.
 */
export async function measure(
  recommenders: ReadonlyMap<string, Recommender>,
  trials: readonly Trial[],
  background: Background,
  progress: Progress,
  k = CUT_OFF,
): Promise<Record<string, Measured>> {
  const all: Record<string, Measured> = {};
  for (const [name, recommend] of recommenders) {
    const summary = new RankingSummary(k, background.itemCount);
    const lists = new ListMeans(background);
    for (const [i, trial] of trials.entries()) {
      const list = (await recommend({ userId: trial.userId, timeMs: trial.timeMs }, k)).slice(0, k);
      summary.add(list, trial.relevant);
      lists.add(list, trial);
      progress(`evaluating ${name}`, i + 1, trials.length);
    }
    const ndcg = summary.values('ndcg');
    all[name] = { metrics: figures(summary, ndcg, lists, background), ndcg };
  }
  return all;
}

function figures(
  summary: RankingSummary,
  ndcgs: Float64Array,
  lists: ListMeans,
  { interactions }: Background,
): Metrics {
  const { hit, ndcg, precision, recall, f1, averagePrecision, reciprocalRank, ...rest } = summary.means();
  const { low, high } = ndcgs.length === 0 ? { low: 0, high: 0 } : bootstrapInterval(ndcgs);
  const { novelty, popularity, gini, entropy } = exposureOf(summary.recommended, interactions);
  const at = (values: Metrics): Metrics =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name}@${summary.k}`, value]));
  return {
    ...at({ hr: hit, ndcg, precision, recall, map: averagePrecision, coverage: rest.coverage }),
    users: rest.lists,
    [`ndcg@${summary.k}-low`]: low,
    [`ndcg@${summary.k}-high`]: high,
    ...at({ mrr: reciprocalRank, f1, novelty, popularity, gini, entropy, ...lists.means() }),
  };
}

/** Means of what a list is in itself and to its user. */
class ListMeans {
  readonly #background: Background;
  readonly #byCategory: Similarity | undefined;
  readonly #sums = new Map<string, { sum: number; lists: number }>();

  constructor(background: Background) {
    this.#background = background;
    this.#byCategory = background.categories && setCosine(background.categories.sets);
  }

  add(list: Uint32Array, { history, relevant }: Trial): void {
    const { coOccurrence, categories } = this.#background;
    this.#add('diversity', intraListDiversity(list, coOccurrence));
    this.#add('serendipity', serendipity(list, relevant, history, coOccurrence));
    if (categories === undefined || this.#byCategory === undefined) return;
    this.#add('category-diversity', intraListDiversity(list, this.#byCategory));
    this.#add('miscalibration', miscalibration(shares(history, categories), shares(list, categories)));
  }

  means(): Metrics {
    return Object.fromEntries([...this.#sums].map(([name, { sum, lists }]) => [name, sum / lists]));
  }

  #add(name: string, value: number): void {
    if (Number.isNaN(value)) return;
    const { sum, lists } = this.#sums.get(name) ?? { sum: 0, lists: 0 };
    this.#sums.set(name, { sum: sum + value, lists: lists + 1 });
  }
}

/** The distribution of categories of a list: each item gives equal shares to its own. NaN where no item has one. */
function shares(
  items: ArrayLike<number>,
  { count, sets: { offsets, columns } }: NonNullable<Background['categories']>,
): Float64Array {
  const weights = new Float64Array(count);
  let withCategories = 0;
  for (let i = 0; i < items.length; i++) {
    const start = offsets[items[i]];
    const end = offsets[items[i] + 1];
    if (start < end) withCategories++;
    for (let at = start; at < end; at++) weights[columns[at]] += 1 / (end - start);
  }
  return weights.map((weight) => weight / withCategories);
}
