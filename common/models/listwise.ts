import type { Column, Values } from '../onnx/batches.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import { type Groups, listNet, rankNet } from '../onnx/losses.ts';
import { reshape } from '../onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, Scorer, schemaMetadata } from '../onnx/scorer.ts';
import { type Epoch, type TrainReport, train } from '../onnx/train.ts';
import { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { PADDING, type PaddedLists, padLists, tellingGroups, usualLength } from './lists.ts';
import { type DenseLayer, denseLayers } from './pointwise.ts';
import { fitStandardiser, type Standardiser, standardise } from './standardiser.ts';

export interface ListwiseOptions {
  /**
   * `ranknet`: logistic loss on pairs of different grades (Burges et al., ICML 2005); `listnet`: cross-entropy of top-one
   * probabilities, softmax of the grades (Cao et al., ICML 2007).
   */
  readonly loss: 'ranknet' | 'listnet';
  readonly seed: number;
  /** Units of each hidden layer, first to last. */
  readonly hidden: readonly number[];
  readonly epochs: number;
  /** Groups of a batch. */
  readonly batchSize: number;
  /** Of Adam, at the start; it falls to 0 along a half cosine. */
  readonly learningRate: number;
  /** Weight of l2 / 2 · Σw² in the loss; biases are free. */
  readonly l2: number;
  /** Stops early and keeps the best epoch. */
  readonly validation?: ListwiseValidation;
  /** Written to the model, for whoever opens it to check. */
  readonly featureSchemaHash?: string;
  readonly onProgress?: (epoch: Epoch) => void;
  /** ONNX Runtime's threads. Default 1. */
  readonly threads?: number;
}

export interface ListwiseValidation {
  readonly examples: GroupedExamples;
  /** Epochs without improvement before training stops. */
  readonly patience: number;
  /** Figure of merit of one score a row, higher is better. */
  readonly metric: (scores: Float32Array) => number;
}

export interface ListwiseModel {
  readonly standardiser: Standardiser;
  /** From the input on; ReLU between two, and the last has one output, the score. */
  readonly layers: readonly DenseLayer[];
  /** Serving graph: `features` float32 [N, width], NaN = missing → `score` float32 [N], for order within a group only. */
  readonly onnx: Uint8Array;
  readonly report: TrainReport;
}

/** Rows of a list at most: pairs take memory by its square. */
const LIST_LENGTH_MAX = 128;

/**
 * A score by a loss on whole groups, of standardised features through hidden layers; none make it linear. Groups weigh alike,
 * those of one grade teach nothing and example weights are not looked at. Standardisation and missing values are part of the
 * graph, so that what is trained is what serves.
 */
export async function fitListwise(
  examples: GroupedExamples,
  options: ListwiseOptions,
): Promise<ListwiseModel> {
  const { loss, hidden, validation, featureSchemaHash, ...training } = options;
  const { width } = examples;
  const telling = tellingGroups(examples);
  if (telling.length === 0) throw new Error('no group has rows of different grades');
  const standardiser = fitStandardiser(examples.features, width);
  const random = new Random(options.seed);
  const length = usualLength(examples.groups, telling, LIST_LENGTH_MAX);
  const graph = new Graph();
  const lists = graph.input('lists', ['G', length, width]);
  const labels = graph.input('labels', ['G', length]);
  const mask = graph.input('mask', ['G', length]);
  const features = reshape(lists, ['N', width], FEATURES_INPUT);
  const { logits, layers } = denseLayers(
    standardise(graph, features, standardiser),
    [...hidden, 1],
    options.seed,
  );
  const groups: Groups = { scores: reshape(logits, ['G', length]), labels, mask };
  const output = loss === 'ranknet' ? rankNet(groups) : listNet(groups);
  const serving = () => {
    const metadata = schemaMetadata(featureSchemaHash);
    const outputs = { [SCORE_OUTPUT]: logits };
    return toBytes(graph, { outputs, cut: [features], parameters: 'initialisers', metadata });
  };
  const report = await train(
    output,
    graph.parameters,
    () => listColumns(padLists(examples, telling, length, random), examples, { lists, labels, mask }),
    { ...training, schedule: 'cosine', ...(validation && { validation: served(serving, validation) }) },
  );
  return { standardiser, layers, onnx: serving(), report };
}

/** What feeds the inputs, a list a row, made when a batch needs it. */
function listColumns(
  padded: PaddedLists,
  { features, labels, width }: GroupedExamples,
  inputs: { readonly lists: Value; readonly labels: Value; readonly mask: Value },
): Column[] {
  const { length, rows } = padded;
  /** Writes `write(row, at)` for every row of some lists, 0 for padding. */
  const column = (input: Value, size: number, write: (row: number, at: number, into: Values) => void) => ({
    input,
    rows: padded.lists,
    compute(lists: Uint32Array, into: Values): void {
      into.fill(0);
      for (let i = 0, at = 0; i < lists.length; i++) {
        for (let j = 0; j < length; j++, at += size) {
          const row = rows[lists[i] * length + j];
          if (row !== PADDING) write(row, at, into);
        }
      }
    },
  });
  return [
    column(inputs.lists, width, (row, at, into) => {
      const start = row * width;
      for (let i = 0; i < width; i++) into[at + i] = features[start + i];
    }),
    column(inputs.labels, 1, (row, at, into) => {
      into[at] = labels[row];
    }),
    column(inputs.mask, 1, (_, at, into) => {
      into[at] = 1;
    }),
  ];
}

/** Measures the serving graph. */
function served(serving: () => Uint8Array, { examples, patience, metric }: ListwiseValidation) {
  return {
    patience,
    async merit(): Promise<number> {
      await using scorer = await Scorer.open(serving());
      return metric(await scorer.run(examples.features));
    },
  };
}
