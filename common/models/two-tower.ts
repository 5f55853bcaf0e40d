import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { inBatchSoftmax } from '../onnx/losses.ts';
import { div } from '../onnx/operators.ts';
import { schemaMetadata } from '../onnx/scorer.ts';
import { type TrainReport, train } from '../onnx/train.ts';
import { Random } from '../random.ts';
import type { FitRun, VectorModel } from './candidate-model.ts';
import { type FeatureColumn, fitFeatureEncoding } from './feature-columns.ts';
import type { InteractionMatrix } from './interactions.ts';
import {
  buildTower,
  type Sides,
  type Tower,
  type TowerFeatures,
  type TowerShape,
  VECTOR_OUTPUT,
} from './tower.ts';
import { type TowerRowOptions, TowerRows } from './tower-rows.ts';
import { TowerVectors } from './tower-vectors.ts';

/**
 * Two towers (Covington et al., RecSys 2016; Yi et al., RecSys 2019): a user's vector from id, history and features, an item's
 * from id and features, trained by a softmax over the items of a batch, corrected by their sampling probability.
 */
export interface TwoTowerOptions extends TowerShape, TowerRowOptions {
  /** Whether the user tower reads ids. Without them it reads histories only, and features. */
  readonly userIds: boolean;
  /** The softmax is over inner products divided by this. */
  readonly temperature: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Of Adam, falling to 0 along a half cosine. */
  readonly learningRate: number;
  /** Weight of l2 / 2 · Σw² over the weights, and over the embeddings that a batch touches. */
  readonly l2: number;
  /** Epochs between two measurements of the held-out merit. */
  readonly measureEvery: number;
  /** Written to the exported towers. */
  readonly featureSchemaHash?: string;
}

/** For towers that read histories or features. The activity exponent is chosen on MovieLens-1M's validation part; the rest is usual. */
const twoTowerDefaults: TwoTowerOptions = {
  kind: 'resnet',
  hidden: [128],
  crossLayers: 0,
  dim: 64,
  featureDim: 8,
  normalised: true,
  userIds: true,
  history: 50,
  unknownShare: 0.1,
  activityExponent: 0.5,
  temperature: 0.15,
  logQ: true,
  epochs: 10,
  batchSize: 1024,
  learningRate: 0.003,
  l2: 0,
  measureEvery: 1,
};

/** Towers that read nothing but ids: unit embeddings, which layers above would only blur. */
const idTowers: TwoTowerOptions = {
  ...twoTowerDefaults,
  hidden: [],
  history: 0,
  unknownShare: 0,
  temperature: 0.2,
  epochs: 12,
};

/** Interactions beyond which towers over histories are not tried. */
const HISTORY_INTERACTIONS_MAX = 750_000;

/** Settings worth trying where ids are all there is. Sparser data wants lower temperatures. */
export function twoTowerGrid({ columns }: InteractionMatrix): readonly TwoTowerOptions[] {
  const overIds = [idTowers, { ...idTowers, temperature: 0.12 }];
  return columns.length > HISTORY_INTERACTIONS_MAX ? overIds : [...overIds, twoTowerDefaults];
}

/** Features of all rows or columns of the matrix. */
export interface SideFeatures {
  readonly columns: readonly FeatureColumn[];
  /** Row-major, NaN = missing. */
  readonly values: Float32Array;
}

export interface TwoTowerModel extends VectorModel {
  readonly user: Tower;
  readonly item: Tower;
  /** The user id that stands for any that training did not see. */
  readonly unknownUser: number;
  readonly report: TrainReport;
  /** The user tower: `user_id`, `user_history` and `user_history_mask`, `user_features`, those it reads, to `vector` [N, dim]. */
  userTower(): Uint8Array;
  /** The item tower: `item_id`, `item_features`, those it reads, to `vector` [N, dim]. */
  itemTower(): Uint8Array;
}

const FEATURE_BINS = 8;

/** Weights and order of the entries are not used. Deterministic for a seed on one machine. */
export async function fitTwoTower(
  matrix: InteractionMatrix,
  options: TwoTowerOptions,
  run: FitRun,
  sides: Partial<Sides<SideFeatures>> = {},
): Promise<TwoTowerModel> {
  const random = new Random(run.seed);
  const features = {
    ...(sides.user && { user: encodedFeatures(sides.user) }),
    ...(sides.item && { item: encodedFeatures(sides.item) }),
  };
  const towers = buildTowers(matrix, options, features, random);
  const { user, item } = towers;
  const { graph } = user.vector;
  const logQ = graph.input('log_q', ['N']);
  const weights = graph.input('weights', ['N']);
  const scaled = div(user.vector, options.temperature);
  const loss = inBatchSoftmax(scaled, item.vector, item.inputs.id!, logQ, weights);
  const rows = new TowerRows(matrix, towers, { logQ, weights }, features, options, random);
  await using vectors = await TowerVectors.open(towers, matrix, options.dim, run.threads, features);
  const report = await train(loss, graph.parameters, () => rows.epoch(), {
    ...options,
    seed: run.seed,
    threads: run.threads,
    schedule: 'cosine',
    onProgress: ({ epoch }) => run.onProgress?.(epoch, options.epochs),
    ...(run.heldOut && {
      validation: {
        merit: async () => run.heldOut!.merit(await vectors.refresh()),
        patience: run.heldOut.patience,
        every: options.measureEvery,
      },
    }),
  });
  const model = await vectors.refresh();
  const metadata = schemaMetadata(options.featureSchemaHash);
  const exported = ({ vector }: Tower) =>
    toBytes(graph, { outputs: { [VECTOR_OUTPUT]: vector }, parameters: 'initialisers', metadata });
  return {
    ...model,
    user,
    item,
    unknownUser: matrix.rowCount,
    report,
    userTower: () => exported(user),
    itemTower: () => exported(item),
  };
}

function encodedFeatures({ columns, values }: SideFeatures): TowerFeatures {
  return { values, encoding: fitFeatureEncoding(values, columns, { bins: FEATURE_BINS }) };
}

function buildTowers(
  matrix: InteractionMatrix,
  options: TwoTowerOptions,
  features: Partial<Sides<TowerFeatures>>,
  random: Random,
): Sides<Tower> {
  const graph = new Graph();
  const { users, items } = interactionCounts(matrix);
  const encoding = (side: TowerFeatures | undefined) => side && { features: side.encoding };
  const userReads = {
    ...(options.userIds && { ids: users }),
    ...(options.history > 0 && { historyIds: items }),
    ...encoding(features.user),
  };
  const user = buildTower(graph, 'user', userReads, options, random);
  const item = buildTower(graph, 'item', { ids: items, ...encoding(features.item) }, options, random);
  return { user, item };
}

/** Interactions of each user, with one for the unknown user, and of each item. */
function interactionCounts({ rowCount, columnCount, offsets, columns }: InteractionMatrix) {
  const users = new Uint32Array(rowCount + 1).fill(1);
  for (let row = 0; row < rowCount; row++) users[row] = offsets[row + 1] - offsets[row];
  const items = new Uint32Array(columnCount);
  for (const item of columns) items[item]++;
  return { users, items };
}
