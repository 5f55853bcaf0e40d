import { Tensor } from 'onnxruntime-node';
import type { Column } from '../onnx/batches.ts';
import { toBytes } from '../onnx/encode.ts';
import { neededBy, type Value } from '../onnx/graph.ts';
import { binaryCrossEntropy } from '../onnx/losses.ts';
import { SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import { openSession } from '../onnx/session.ts';
import { type TrainReport, train } from '../onnx/train.ts';
import { Random } from '../random.ts';
import type { CandidateModel, FitRun, Refinement, VectorModel } from './candidate-model.ts';
import { SCORES_OUTPUT } from './catalogue-scorer.ts';
import { entryRows, type InteractionMatrix } from './interactions.ts';
import { NcfNetwork } from './ncf-network.ts';
import { NegativeSampler } from './negative-sampler.ts';
import { vectorModel } from './vector-model.ts';

/**
 * Neural collaborative filtering (He, Liao, Zhang, Nie, Hu, Chua, WWW 2017): the probability that a user takes up an item, by
 * binary cross-entropy on the observed pairs and on items sampled anew each epoch. The factorised part (GMF) is the
 * elementwise product of two embeddings, the deep part (MLP) ReLU layers over two others side by side; NeuMF has both.
 */
export interface NcfOptions {
  /** Width of the factorised part's embeddings; 0: there is no such part. */
  readonly factors: number;
  /** Width of the deep part's embeddings; 0: there is no such part. */
  readonly deepFactors: number;
  /** Units of the deep layers, first to last. */
  readonly hidden: readonly number[];
  /** Sampled items for each observed pair. */
  readonly negatives: number;
  /** Items are sampled in proportion to (interactions + 1)^exponent; 0 is uniform. */
  readonly negativeExponent: number;
  readonly epochs: number;
  /** Pairs of a step at most; so many fewer, down to `BATCH_MIN`, that an epoch has `STEPS` of them. */
  readonly batchSize: number;
  /** Of Adam at `batchSize`, with the root of the batch's share where it is smaller; falls to 0 along a half cosine. */
  readonly learningRate: number;
  /**
   * λ of λ / 2 · (‖user‖² + ‖item‖²) a pair, about: a step adds λ / min(users, batch) times what it touches to the gradient of
   * its pairs' mean.
   */
  readonly regularisation: number;
  /** Trains the factorised part alone first, from where both go on, as the paper does for NeuMF. */
  readonly pretraining?: Stage;
  /** Epochs between two measurements of the held-out merit. */
  readonly measureEvery: number;
  /** Written to the exported model. */
  readonly featureSchemaHash?: string;
}

/** Scores are logits. */
export interface NcfModel extends CandidateModel {
  readonly network: NcfNetwork;
  readonly report: TrainReport;
  /** A model of `user` and `item`, int64 [N], to `score`, float32 [N]: the pair's probability among the training pairs. */
  toOnnx(): Uint8Array;
  /** A model of rows of users to the logits of every item: see `CatalogueScorer`. */
  toCatalogueOnnx(): Uint8Array;
}

/** Settings of GMF on MovieLens-1M, by NDCG@10 on validation interactions. */
export const gmfDefaults: NcfOptions = {
  factors: 64,
  deepFactors: 0,
  hidden: [],
  negatives: 4,
  negativeExponent: 0,
  epochs: 8,
  batchSize: 8192,
  learningRate: 0.015,
  regularisation: 0.027,
  measureEvery: 1,
};

export const mlpDefaults: NcfOptions = {
  ...gmfDefaults,
  factors: 0,
  deepFactors: 32,
  hidden: [64, 32, 16],
  epochs: 12,
  learningRate: 0.003,
};

export const neumfDefaults: NcfOptions = {
  ...mlpDefaults,
  factors: 64,
  pretraining: { epochs: gmfDefaults.epochs, learningRate: gmfDefaults.learningRate },
  epochs: 4,
  learningRate: 0.001,
};

const BATCH_MIN = 256;
const STEPS = 300;

/** Pairs of a fit, about, at most, and so many that any data may take. */
const PAIRS_MAX = 36_000_000;
const PAIRS_FREE = 4_000_000;
const EPOCHS_MIN = 6;
/** Times the epochs asked for that small data takes, and more where they have fewer steps than `STEPS`. */
const EPOCHS_FACTOR = 3;

/** Shares of the penalty that are worth trying: sparse data bears less. */
const PENALTIES = [1, 1 / 3, 1 / 9];

/** `options` with so many epochs as the size of the data allows, and smaller penalties. */
export function ncfGrid(options: NcfOptions, { columns }: InteractionMatrix): NcfOptions[] {
  const pairs = Math.max(1, columns.length * (1 + options.negatives));
  const shortness = Math.min(STEPS, Math.max(1, Math.round((STEPS * BATCH_MIN) / pairs)));
  const epochsOf = (asked: number) =>
    Math.max(
      Math.min(asked, Math.max(EPOCHS_MIN, Math.floor(PAIRS_MAX / pairs))),
      Math.min(asked * EPOCHS_FACTOR * shortness, Math.floor(PAIRS_FREE / pairs)),
    );
  const sized = ofStages(options, (stage) => ({ ...stage, epochs: epochsOf(stage.epochs) }));
  return PENALTIES.map((share) => ({
    ...sized,
    regularisation: share * options.regularisation,
    measureEvery: shortness * options.measureEvery,
  }));
}

/** Then a slower descent. */
export const ncfRefinements: readonly Refinement<NcfOptions>[] = [
  (_, best) => [ofStages(best, (stage) => ({ ...stage, learningRate: stage.learningRate / 3 }))],
];

/** Fewer epochs, and the factorised part alone where it is trained first. */
export function ncfTrial(options: NcfOptions): NcfOptions {
  const { pretraining, ...rest } = options;
  const tried = pretraining === undefined ? rest : { ...rest, ...pretraining, deepFactors: 0, hidden: [] };
  return { ...tried, epochs: Math.ceil(tried.epochs / 3) };
}

interface Stage {
  readonly epochs: number;
  readonly learningRate: number;
}

/** `options` with `change` done to its training and its pretraining. */
function ofStages(options: NcfOptions, change: (stage: Stage) => Stage): NcfOptions {
  const { pretraining, epochs, learningRate } = options;
  return {
    ...options,
    ...change({ epochs, learningRate }),
    ...(pretraining && { pretraining: change(pretraining) }),
  };
}

/** Logits that the deep part's first layer computes at a time, at most. */
const CHUNK_UNITS = 1 << 22;

/** Weights and order of the entries are not used. Deterministic for a seed on one machine. */
export async function fitNcf(matrix: InteractionMatrix, options: NcfOptions, run: FitRun): Promise<NcfModel> {
  const { rowCount: userCount, columnCount: itemCount } = matrix;
  const network = new NcfNetwork({ ...options, userCount, itemCount }, run.seed);
  const labels = network.graph.input('labels', ['N']);
  const pairs = new PairSampler(matrix, options, new Random(run.seed));
  const wanted = (matrix.columns.length * (1 + options.negatives)) / STEPS;
  const batchSize = Math.min(options.batchSize, Math.max(BATCH_MIN, Math.round(wanted)));
  const scorer = await catalogueScorer(network, itemCount, run.threads);
  const minimise = (logits: Value, { epochs, learningRate }: Stage) => {
    const loss = binaryCrossEntropy(logits, labels);
    const needed = neededBy(network.graph, [loss]);
    const parameters = network.graph.parameters.filter((parameter) => needed.has(parameter));
    return train(loss, parameters, () => pairs.columns(network, labels), {
      epochs,
      learningRate: learningRate * Math.sqrt(batchSize / options.batchSize),
      batchSize,
      l2: options.regularisation / Math.min(userCount, batchSize),
      seed: run.seed,
      threads: run.threads,
      schedule: 'cosine',
      onProgress: ({ epoch }) => run.onProgress?.(epoch, epochs),
      ...(run.heldOut && {
        validation: {
          merit: () => run.heldOut!.merit(scorer),
          patience: run.heldOut.patience,
          every: options.measureEvery,
        },
      }),
    });
  };
  const { pretraining } = options;
  const first = pretraining && network.factorLogits && (await minimise(network.factorLogits, pretraining));
  const pretrained = network.graph.parameters.map(({ data }) => data.slice());
  let report = await minimise(network.logits, options);
  if (first !== undefined && bestMetric(first) > bestMetric(report)) {
    network.graph.parameters.forEach(({ data }, i) => {
      data.set(pretrained[i]);
    });
    report = first;
  }
  return {
    ...scorer,
    network,
    report,
    toOnnx: () => exported(network, options, { [SCORE_OUTPUT]: network.score }),
    toCatalogueOnnx: () => exported(network, options, { [SCORES_OUTPUT]: network.catalogueLogits }),
  };
}

/** −∞ where nothing was measured. */
function bestMetric({ history }: TrainReport): number {
  return Math.max(...history.map(({ metric = Number.NEGATIVE_INFINITY }) => metric));
}

/** A model without a deep part as inner products, in the order of its probabilities. */
export function factorVectors({ network: { factorPart, deepPart } }: NcfModel): VectorModel {
  if (factorPart === undefined || deepPart !== undefined) throw new Error('a deep part has no vectors');
  const { users, items, head } = factorPart;
  const dim = head.data.length;
  const weighted = users.data.map((value, i) => value * head.data[i % dim]);
  return vectorModel(dim, weighted, items.data);
}

function exported(
  { graph }: NcfNetwork,
  { featureSchemaHash }: NcfOptions,
  outputs: Readonly<Record<string, Value>>,
): Uint8Array {
  const metadata = schemaMetadata(featureSchemaHash);
  return toBytes(graph, { outputs, parameters: 'initialisers', metadata });
}

/** Scores by the network's parameters as they are at the call. */
async function catalogueScorer(
  network: NcfNetwork,
  itemCount: number,
  threads: number,
): Promise<CandidateModel> {
  const { graph, catalogueLogits } = network;
  const outputs = { logits: catalogueLogits };
  const session = await openSession(toBytes(graph, { outputs, parameters: 'inputs' }), threads);
  const parameters = Object.fromEntries(
    graph.parameters.map(({ name, data, shape }) => [name, new Tensor('float32', data, shape as number[])]),
  );
  const units = Math.max(1, ...network.deepUnits);
  const chunk = Math.max(1, Math.floor(CHUNK_UNITS / (itemCount * units)));
  return {
    itemCount,
    async scoreUsers(users, scores) {
      for (let start = 0; start < users.length; start += chunk) {
        const ids = BigInt64Array.from(users.subarray(start, start + chunk), BigInt);
        const { logits } = await session.run({
          ...parameters,
          users: new Tensor('int64', ids, [ids.length]),
        });
        scores.set(logits.data as Float32Array, start * itemCount);
      }
    },
  };
}

/** The observed pairs and, for each, items that its user does not have. */
class PairSampler {
  readonly #negatives: number;
  readonly #sampler: NegativeSampler;
  readonly #users: Uint32Array;
  readonly #items: Uint32Array;
  readonly #labels: Float32Array;

  constructor(matrix: InteractionMatrix, { negatives, negativeExponent }: NcfOptions, random: Random) {
    const positives = matrix.columns.length;
    this.#negatives = negatives;
    this.#sampler = new NegativeSampler(matrix, negativeExponent, random);
    this.#users = new Uint32Array(positives * (1 + negatives));
    this.#items = new Uint32Array(this.#users.length);
    this.#labels = new Float32Array(this.#users.length).fill(1, 0, positives);
    this.#users.set(entryRows(matrix));
    this.#items.set(matrix.columns);
  }

  /** The rows of an epoch, with newly sampled items. */
  columns({ user, item }: NcfNetwork, labels: Value): Column[] {
    const positives = this.#users.length / (1 + this.#negatives);
    let rows = positives;
    for (let pair = 0; pair < positives; pair++) {
      for (let i = 0; i < this.#negatives; i++) {
        const other = this.#sampler.draw(this.#users[pair]);
        if (other < 0) continue;
        this.#users[rows] = this.#users[pair];
        this.#items[rows++] = other;
      }
    }
    return [
      { input: user, data: this.#users.subarray(0, rows) },
      { input: item, data: this.#items.subarray(0, rows) },
      { input: labels, data: this.#labels.subarray(0, rows) },
    ];
  }
}
