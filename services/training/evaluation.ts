import { RankingSummary } from '../../common/metrics/ranking-summary.ts';
import type { Progress } from './progress.ts';

const CUT_OFF = 10;

/** A held-out event: who took up what, and when. */
export interface Trial {
  readonly userId: string;
  /** Ordinal of the item. */
  readonly item: number;
  readonly timeMs: number;
}

/** Answers up to `limit` unseen items for the trial's user at its time, best first. */
export type Recommender = (trial: Omit<Trial, 'item'>, limit: number) => Promise<Uint32Array>;

/** Metrics by name, as `hr@10`. */
export type Metrics = Record<string, number>;

/**
 * Leave-one-out: each recommender ranks all items for each trial and is measured at 10 by whether the item taken up is there.
 * Conventions are those of `rankingMetrics`; coverage is a share of `itemCount`.
 */
export async function measure(
  recommenders: ReadonlyMap<string, Recommender>,
  trials: readonly Trial[],
  itemCount: number,
  progress: Progress,
): Promise<Record<string, Metrics>> {
  const all: Record<string, Metrics> = {};
  for (const [name, recommend] of recommenders) {
    const summary = new RankingSummary(CUT_OFF, itemCount);
    for (const [i, { item, ...request }] of trials.entries()) {
      summary.add(await recommend(request, CUT_OFF), new Set([item]));
      progress(`evaluating ${name}`, i + 1, trials.length);
    }
    const { hit, ndcg, precision, recall, averagePrecision, coverage, lists } = summary.means();
    all[name] = {
      'hr@10': hit,
      'ndcg@10': ndcg,
      'precision@10': precision,
      'recall@10': recall,
      'map@10': averagePrecision,
      'coverage@10': coverage,
      users: lists,
    };
  }
  return all;
}
