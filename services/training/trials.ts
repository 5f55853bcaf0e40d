import type { CandidateModel, HeldOut } from '../../common/models/candidate-model.ts';
import { rankHeldOut } from '../../common/models/held-out.ts';
import { type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { isOrdered, noRecency, type RecencyOptions } from '../../common/models/recency.ts';
import { Random } from '../../common/random.ts';
import type { TrainConfig } from './config.ts';
import { drawn, type Holdout } from './holdout.ts';
import { latestPairs, PairSet, type Target, withoutPairs } from './positives.ts';

const CUT_OFF = 10;
const PATIENCE = 3;
const FLOOR = 0.02;
/** Half-lives tried besides the configured ones, in events: from what was just taken up up to the whole past. */
const HALF_LIVES = [10, 40];

/** Writes the scores of all items for a history, oldest first. */
export type HistoryScore = (history: Uint32Array, scores: Float32Array) => void;

/**
 * Each user's last pair of the training part, held out from the rest: by these settings are chosen. The test part is not
 * looked at.
 */
export class Trials {
  /** What is learnt from while settings are chosen. */
  readonly matrix: InteractionMatrix;
  /** The same pairs as a model in training is measured by, on the rows that it learns from. */
  readonly heldOut: HeldOut;
  /** Whether the data says which event came first. */
  readonly ordered: boolean;

  constructor({ train }: Holdout, config: TrainConfig) {
    const users = Array.from({ length: train.rowCount }, (_, user) => user);
    const last = latestPairs(train, users, 1);
    this.matrix = withoutPairs(train, PairSet.of(last, train.columnCount));
    this.ordered = isOrdered(train);
    const targets = drawn(last, config.tuning.usersMax, new Random(config.seed));
    this.heldOut = heldOutFrom(this.matrix, targets);
  }

  /** The option of the best mean NDCG@10, the first of equal ones. */
  async best<T>(options: readonly T[], scoreOf: (option: T) => HistoryScore): Promise<T> {
    const merits: number[] = [];
    for (const option of options) {
      merits.push(await this.heldOut.merit(historyModel(this.matrix, scoreOf(option))));
    }
    return options[merits.indexOf(Math.max(...merits))];
  }
}

/** The rows of the matrix as the histories that are scored. */
function historyModel(
  { offsets, columns, columnCount }: InteractionMatrix,
  score: HistoryScore,
): CandidateModel {
  return {
    itemCount: columnCount,
    scoreUsers(users, scores) {
      users.forEach((user, row) => {
        const history = columns.subarray(offsets[user], offsets[user + 1]);
        score(history, scores.subarray(row * columnCount, (row + 1) * columnCount));
      });
    },
  };
}

/** The last pairs of at most `tuning.usersMax` users, for a fit that stops by them, and the matrix without them. */
export function heldOutOf(
  matrix: InteractionMatrix,
  { tuning, seed }: TrainConfig,
): { matrix: InteractionMatrix; heldOut: HeldOut } {
  const users = Array.from({ length: matrix.rowCount }, (_, user) => user);
  const pairs = latestPairs(matrix, drawn(users, tuning.usersMax, new Random(seed)), 1);
  const rest = withoutPairs(matrix, PairSet.of(pairs, matrix.columnCount));
  return { matrix: rest, heldOut: heldOutFrom(rest, pairs) };
}

function heldOutFrom(matrix: InteractionMatrix, pairs: readonly Target[]): HeldOut {
  const truth = interactionMatrix(
    {
      users: Uint32Array.from(pairs, ({ user }) => user),
      items: Uint32Array.from(pairs, ({ item }) => item),
    },
    matrix.rowCount,
    matrix.columnCount,
  );
  return {
    merit: async (model) => (await rankHeldOut(model, matrix, truth, [CUT_OFF]))[0].ndcg,
    patience: PATIENCE,
  };
}

/** How fast histories may fade: as configured, slower, or not at all, which differs from data to data. */
export function recenciesFrom(configured: RecencyOptions): RecencyOptions[] {
  return [configured, ...HALF_LIVES.map((halfLifeEvents) => ({ halfLifeEvents, floor: FLOOR })), noRecency];
}
