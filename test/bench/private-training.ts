import type { CandidateModel } from '../../common/models/candidate-model.ts';
import { rankHeldOut } from '../../common/models/held-out.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { fitItemToItem, itemToItemDefaults, neighbourModel } from '../../common/models/item-to-item.ts';
import { fitPopularity } from '../../common/models/popularity.ts';
import {
  type PrivateCountsOptions,
  privateCounts,
  privateCountsSchema,
  privateItemToItem,
  privatePopularity,
} from '../../common/models/private-counts.ts';
import { ExactNoise } from '../../common/privacy/exact-noise.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { measured } from './report.ts';
import { readSequences } from './sequences.ts';

const CUT_OFF = 10;
const EPSILONS = [Number.POSITIVE_INFINITY, 10, 3, 1, 0.3];
/** Puts popular items behind those that have a similarity, and before all others. */
const FILL = 1e-6;

/**
 * Popularity and item-to-item from private counts: NDCG@10 for each ε, leave-one-out (each user's last event by time is held out, all
 * items are ranked, seen ones masked), means over draws of the noise. Item-to-item is filled up by the same counts' popularity.
 */
export const privateTrainingBench: Bench = {
  usage: '[--data PATH] [--draws N] [--items-per-user N] [--distance-max N] [--items-max N]',
  async run(args, print) {
    const values = parsed(args, {
      data: { type: 'string', default: '../shared/data/ml100k' },
      draws: { type: 'string', default: '5' },
      'items-per-user': { type: 'string' },
      'distance-max': { type: 'string' },
      'items-max': { type: 'string' },
    });
    const draws = wholeNumber(values.draws, 'draws', 1);
    const { train, test } = leaveLastOut(await readSequences(values.data));
    for (const epsilon of EPSILONS)
      await measured(print, { bench: 'private-training', epsilon: epsilonText(epsilon) }, draws, async () => {
        if (epsilon === Number.POSITIVE_INFINITY) return exactFigures(train, test);
        const options = privateCountsSchema.parse({
          epsilon,
          ...whole('itemsPerUser', values['items-per-user']),
          ...whole('distanceMax', values['distance-max']),
          ...whole('itemsMax', values['items-max']),
        });
        return meanOf(draws, () => privateFigures(train, test, options));
      });
  },
};

interface Figures extends Record<string, number> {
  readonly 'popularity ndcg@10': number;
  readonly 'item-to-item ndcg@10': number;
}

function whole(name: string, text: string | undefined): Record<string, number> {
  return text === undefined ? {} : { [name]: wholeNumber(text, name, 1) };
}

function epsilonText(epsilon: number): string | number {
  return Number.isFinite(epsilon) ? epsilon : '∞';
}

async function meanOf(draws: number, draw: () => Promise<Figures>): Promise<Record<string, number>> {
  const all: Figures[] = [];
  for (let i = 0; i < draws; i++) all.push(await draw());
  const names = Object.keys(all[0]);
  return Object.fromEntries(
    names.map((name) => [name, all.reduce((sum, figures) => sum + figures[name], 0) / draws]),
  );
}

async function exactFigures(train: InteractionMatrix, test: InteractionMatrix): Promise<Figures> {
  const { scores } = fitPopularity(train);
  return figuresOf(train, test, scores, neighbourModel(train, fitItemToItem(train)));
}

async function privateFigures(
  train: InteractionMatrix,
  test: InteractionMatrix,
  options: PrivateCountsOptions,
): Promise<Figures> {
  const { distanceHalfLife } = itemToItemDefaults;
  const counts = privateCounts(train, options, { releases: 1, distanceHalfLife, noise: new ExactNoise() });
  const { scores } = privatePopularity(counts);
  return figuresOf(train, test, scores, neighbourModel(train, privateItemToItem(counts, itemToItemDefaults)));
}

async function figuresOf(
  train: InteractionMatrix,
  test: InteractionMatrix,
  popularity: Float32Array,
  neighbours: CandidateModel,
): Promise<Figures> {
  const most = popularity.reduce((max, score) => Math.max(max, score), 1);
  const { itemCount } = neighbours;
  const popular: CandidateModel = {
    itemCount,
    scoreUsers: (users, scores) => users.forEach((_, row) => void scores.set(popularity, row * itemCount)),
  };
  const filled: CandidateModel = {
    itemCount,
    async scoreUsers(users, scores) {
      await neighbours.scoreUsers(users, scores);
      for (let i = 0; i < scores.length; i++) scores[i] += (FILL * popularity[i % itemCount]) / most;
    },
  };
  const [[ofPopular], [ofFilled]] = [
    await rankHeldOut(popular, train, test, [CUT_OFF]),
    await rankHeldOut(filled, train, test, [CUT_OFF]),
  ];
  return { 'popularity ndcg@10': ofPopular.ndcg, 'item-to-item ndcg@10': ofFilled.ndcg };
}

/** All but each row's last entry, and that entry; rows with one entry keep it. */
function leaveLastOut(matrix: InteractionMatrix): { train: InteractionMatrix; test: InteractionMatrix } {
  const isLast = (row: number, entry: number): boolean =>
    entry === matrix.offsets[row + 1] - 1 && entry > matrix.offsets[row];
  return { train: kept(matrix, (row, entry) => !isLast(row, entry)), test: kept(matrix, isLast) };
}

function kept(matrix: InteractionMatrix, keeps: (row: number, entry: number) => boolean): InteractionMatrix {
  const offsets = new Uint32Array(matrix.rowCount + 1);
  const entries: number[] = [];
  for (let row = 0; row < matrix.rowCount; row++) {
    for (let entry = matrix.offsets[row]; entry < matrix.offsets[row + 1]; entry++)
      if (keeps(row, entry)) entries.push(entry);
    offsets[row + 1] = entries.length;
  }
  return {
    ...matrix,
    offsets,
    columns: Uint32Array.from(entries, (entry) => matrix.columns[entry]),
    weights: Float32Array.from(entries, (entry) => matrix.weights[entry]),
    times: Float64Array.from(entries, (entry) => matrix.times[entry]),
  };
}
