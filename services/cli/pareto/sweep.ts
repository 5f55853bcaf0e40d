import type { Environment } from '../../../common/service.ts';
import {
  backgroundOf,
  type Metrics,
  measure,
  type Recommender,
  type Trial,
} from '../../training/evaluation.ts';
import { trialsOf } from '../../training/holdout.ts';
import type { Progress } from '../../training/progress.ts';
import { readHoldout } from '../evaluate.ts';
import { heldOutUsers } from '../offline/composition.ts';
import { openCascade } from '../offline/offline-cascade.ts';
import type { Worth } from './front.ts';

/** What is swept against relevance. */
export const SWEPT_AIMS = ['diversity', 'novelty', 'freshness'] as const;
export type SweptAim = (typeof SWEPT_AIMS)[number];

const DAY_MS = 86_400_000;

export interface SweepOptions {
  readonly bundle?: string | undefined;
  readonly aims: readonly SweptAim[];
  /** Weights that each aim takes, relevance having 1. */
  readonly levels: readonly number[];
  readonly selector: 'mmr' | 'dpp';
  /** Users measured at most. */
  readonly users: number;
  /** Length of the slates. */
  readonly k: number;
  readonly freshnessHalfLifeDays: number;
}

/** A policy of the sweep and what it came to. */
export interface SweptPolicy {
  readonly weights: Readonly<Record<string, number>>;
  /** `ndcg`, `diversity` (by categories where there are some), `novelty` (bits), `freshness` (0 to 1), `coverage`, `gini`. */
  readonly worth: Worth;
}

/** Every combination of the levels, as weights. */
function weightGrid(aims: readonly SweptAim[], levels: readonly number[]): Record<string, number>[] {
  return aims.reduce<Record<string, number>[]>(
    (grid, aim) => grid.flatMap((weights) => levels.map((level) => ({ ...weights, [aim]: level }))),
    [{ relevance: 1 }],
  );
}

/** Measures each combination of weights on the users that the bundle's training held out; nothing is drawn and no floor held. */
export async function sweep(
  environment: Environment,
  options: SweepOptions,
  progress: Progress,
): Promise<SweptPolicy[]> {
  const { version, data, holdout } = await readHoldout(environment, options);
  const grid = weightGrid(options.aims, options.levels);
  const policies = Object.fromEntries(
    grid.map((weights, i) => [`w${i}`, { weights, selector: options.selector }]),
  );
  const off = { policy: 'default', floors: [], exploration: {} };
  const config = environment.config.with('reranking', { policies, ...off });
  const { features } = await heldOutUsers(environment, version, data, holdout);
  await using cascade = await openCascade({ ...environment, config }, version, features);
  const trials = trialsOf(data, holdout).slice(0, options.users);
  const ages = new FreshnessMeans(
    trials,
    options.freshnessHalfLifeDays,
    (ordinal) => data.catalogue.item(ordinal)?.availableFromMs || Number.NaN,
  );
  const recommenders = new Map(grid.map((_, i) => [`w${i}`, ages.watching(`w${i}`, cascade.by(`w${i}`))]));
  const measured = await measure(
    recommenders,
    trials,
    backgroundOf(data.catalogue, holdout.train),
    progress,
    options.k,
  );
  return grid.map((weights, i) => ({
    weights,
    worth: { ...worthOf(measured[`w${i}`].metrics, options.k), freshness: ages.mean(`w${i}`) },
  }));
}

function worthOf(metrics: Metrics, k: number): Worth {
  const at = (name: string): number => metrics[`${name}@${k}`] ?? 0;
  return {
    ndcg: at('ndcg'),
    diversity: metrics[`category-diversity@${k}`] ?? at('diversity'),
    novelty: at('novelty'),
    coverage: at('coverage'),
    gini: at('gini'),
  };
}

/** The mean freshness of what recommenders answer: 2^(−age / half-life), 0 for an item without a start. */
class FreshnessMeans {
  readonly #times: ReadonlyMap<string, number>;
  readonly #halfLifeMs: number;
  readonly #startOf: (ordinal: number) => number;
  readonly #sums = new Map<string, { sum: number; items: number }>();

  constructor(trials: readonly Trial[], halfLifeDays: number, startOf: (ordinal: number) => number) {
    this.#times = new Map(trials.map(({ userId, timeMs }) => [userId, timeMs]));
    this.#halfLifeMs = halfLifeDays * DAY_MS;
    this.#startOf = startOf;
  }

  watching(name: string, recommend: Recommender): Recommender {
    const total = { sum: 0, items: 0 };
    this.#sums.set(name, total);
    return async (request, limit) => {
      const list = await recommend(request, limit);
      for (const item of list) {
        const age = (this.#times.get(request.userId) as number) - this.#startOf(item);
        total.sum += Number.isNaN(age) ? 0 : 2 ** (-Math.max(0, age) / this.#halfLifeMs);
        total.items++;
      }
      return list;
    };
  }

  mean(name: string): number {
    const { sum, items } = this.#sums.get(name) as { sum: number; items: number };
    return items === 0 ? 0 : sum / items;
  }
}
