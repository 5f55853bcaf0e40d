import { fitIals, IalsUserSolver } from '../../common/models/ials.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { fitItemToItem, ItemToItemScorer } from '../../common/models/item-to-item.ts';
import { isOrdered, noRecency, type RecencyOptions } from '../../common/models/recency.ts';
import { Random } from '../../common/random.ts';
import type { TrainConfig } from './config.ts';
import { drawn, type Holdout } from './holdout.ts';
import { latestPairs, PairSet, type Target, withoutPairs } from './positives.ts';
import type { Progress } from './progress.ts';

const CUT_OFF = 10;
const FLOOR = 0.02;
/** Half-lives tried besides the configured ones, in events: from what was just taken up to the whole past. */
const HALF_LIVES = [10, 40];

/** Writes the scores of all items for a history. */
type Score = (history: Uint32Array, scores: Float32Array) => void;

/**
 * How fast people's histories fade differs from data to data: by what comes next in a session, or not at all. Chooses it for iALS
 * and item-to-item by NDCG@10 on each user's last pair of the training part, among the configured values, longer ones and
 * none; the test part is not looked at. Unordered data keeps the configuration.
 */
export function tuned(holdout: Holdout, config: TrainConfig, progress: Progress): TrainConfig {
  if (!config.tuning.enabled || !isOrdered(holdout.train)) return config;
  const users = Array.from({ length: holdout.train.rowCount }, (_, user) => user);
  const last = latestPairs(holdout.train, users, 1);
  const matrix = withoutPairs(holdout.train, PairSet.of(last, holdout.train.columnCount));
  const trials = drawn(last, config.tuning.usersMax, new Random(config.seed));
  const recencies = (configured: RecencyOptions): RecencyOptions[] => [
    configured,
    ...HALF_LIVES.map((halfLifeEvents) => ({ halfLifeEvents, floor: FLOOR })),
    noRecency,
  ];
  const steps = (HALF_LIVES.length + 2) * 2;
  let done = 0;
  const best = <T>(options: readonly T[], scoreOf: (option: T) => Score): T => {
    const gains = options.map((option) => {
      const gain = meanNdcg(matrix, trials, scoreOf(option));
      progress('choosing recency', ++done, steps);
      return gain;
    });
    return options[gains.indexOf(Math.max(...gains))];
  };
  const ials = fitIals(matrix, { ...config.ials, seed: config.seed });
  const foldInRecency = best(recencies(config.ials.foldInRecency), (recency) =>
    ialsScore({ ...ials, options: { ...ials.options, foldInRecency: recency } }),
  );
  const itemToItem = best(
    recencies(config.itemToItem.recency).map((recency, i) => ({
      ...config.itemToItem,
      recency,
      ...(i === 0
        ? {}
        : { distanceHalfLife: recency.floor === 1 ? config.itemToItem.distanceMax : recency.halfLifeEvents }),
    })),
    (options) => itemToItemScore(fitItemToItem(matrix, options)),
  );
  return { ...config, ials: { ...config.ials, foldInRecency }, itemToItem };
}

function ialsScore(model: ReturnType<typeof fitIals>): Score {
  const solver = new IalsUserSolver(model);
  const { dim } = model.options;
  const vector = new Float32Array(dim);
  return (history, scores) => {
    solver.solve(history, undefined, vector);
    for (let item = 0, at = 0; item < scores.length; item++) {
      let score = 0;
      for (let i = 0; i < dim; i++) score += vector[i] * model.itemFactors[at++];
      scores[item] = score;
    }
  };
}

function itemToItemScore(model: ReturnType<typeof fitItemToItem>): Score {
  const scorer = new ItemToItemScorer(model);
  return (history, scores) => {
    scorer.score(history);
    scores.set(scorer.scores);
  };
}

/** Mean of 1 / log2(rank + 1) of the target where it is in the first ten of the items not in the history, ties by ordinal. */
function meanNdcg(
  { offsets, columns, columnCount }: InteractionMatrix,
  trials: readonly Target[],
  score: Score,
): number {
  const scores = new Float32Array(columnCount);
  let sum = 0;
  for (const { user, item } of trials) {
    const history = columns.subarray(offsets[user], offsets[user + 1]);
    score(history, scores);
    for (const seen of history) scores[seen] = Number.NEGATIVE_INFINITY;
    let rank = 1;
    for (let other = 0; other < columnCount; other++) {
      if (scores[other] > scores[item] || (scores[other] === scores[item] && other < item)) rank++;
    }
    if (rank <= CUT_OFF) sum += 1 / Math.log2(rank + 1);
  }
  return sum / Math.max(1, trials.length);
}
