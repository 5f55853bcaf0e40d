import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { type Groups, listNet, rankNet } from '../onnx/losses.ts';
import { reshape } from '../onnx/operators.ts';
import { FEATURE_SCHEMA_KEY, FEATURES_INPUT, SCORE_OUTPUT, Scorer } from '../onnx/scorer.ts';
import { type Epoch, type TrainReport, train } from '../onnx/train.ts';
import { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { padLists, tellingGroups } from './lists.ts';
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
  const drawn = () => padLists(examples, telling, LIST_LENGTH_MAX, random);
  const first = drawn();
  const graph = new Graph();
  const lists = graph.input('lists', ['G', first.length, width]);
  const labels = graph.input('labels', ['G', first.length]);
  const mask = graph.input('mask', ['G', first.length]);
  const features = reshape(lists, ['N', width], FEATURES_INPUT);
  const { logits, layers } = denseLayers(
    standardise(graph, features, standardiser),
    [...hidden, 1],
    options.seed,
  );
  const groups: Groups = { scores: reshape(logits, ['G', first.length]), labels, mask };
  const output = loss === 'ranknet' ? rankNet(groups) : listNet(groups);
  const serving = () => {
    const metadata = featureSchemaHash === undefined ? {} : { [FEATURE_SCHEMA_KEY]: featureSchemaHash };
    const outputs = { [SCORE_OUTPUT]: logits };
    return toBytes(graph, { outputs, cut: [features], parameters: 'initialisers', metadata });
  };
  const report = await train(
    output,
    graph.parameters,
    (epoch) => {
      const { features: data, labels: grades, mask: present } = epoch === 1 ? first : drawn();
      return [
        { input: lists, data },
        { input: labels, data: grades },
        { input: mask, data: present },
      ];
    },
    { ...training, schedule: 'cosine', ...(validation && { validation: served(serving, validation) }) },
  );
  return { standardiser, layers, onnx: serving(), report };
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
