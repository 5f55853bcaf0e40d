import { KernelPool } from '../kernels/kernel-pool.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { reshape } from '../onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import { type TreeEnsemble, treeEnsembleRegressor } from '../onnx/tree-ensemble.ts';
import { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { BINS_MAX, type BinnedRows, binRows, findBins } from './trees/bins.ts';
import { forest } from './trees/forest.ts';
import { LambdaGradients, type LambdaOptions } from './trees/lambda-gradients.ts';
import { addTree, type RegressionTree, valueAt } from './trees/regression-tree.ts';
import { type GrowthOptions, TreeGrower } from './trees/tree-grower.ts';

export interface LambdaMartOptions extends GrowthOptions, LambdaOptions {
  readonly seed: number;
  /** Models whose mean is the score, each with random draws of its own. */
  readonly members: number;
  /** Trees of a member at most. */
  readonly trees: number;
  /** Share of the features that each tree may use. */
  readonly featureFraction: number;
  /** Share of the groups that each tree learns from. */
  readonly groupFraction: number;
  /** Bins of a feature at most, up to 255. */
  readonly bins: number;
  /** Stops early and keeps the best number of trees. */
  readonly validation?: LambdaMartValidation;
  /** Written to the model, for whoever opens it to check. */
  readonly featureSchemaHash?: string;
  readonly onProgress?: (trees: number) => void;
  /** Threads that count histograms. Default 1. */
  readonly threads?: number;
}

export interface LambdaMartValidation {
  readonly examples: GroupedExamples;
  /** Trees without improvement before training stops. */
  readonly patience: number;
  /** Trees on either side over which the figure of merit is averaged before it is compared. */
  readonly smoothing: number;
  /** Figure of merit of one score a row, higher is better. */
  readonly metric: (scores: Float64Array) => number;
}

/** LightGBM's defaults, of one member. */
export const lambdaMartDefaults: LambdaMartOptions = {
  seed: 1,
  members: 1,
  trees: 100,
  leaves: 31,
  learningRate: 0.1,
  minRows: 20,
  minHessian: 1e-3,
  l2: 0,
  featureFraction: 1,
  groupFraction: 1,
  bins: BINS_MAX,
  truncation: 30,
  normalise: true,
};

export interface LambdaMartModel {
  /** What `onnx` computes. */
  readonly ensemble: TreeEnsemble;
  /** Serving graph: `features` float32 [N, width], NaN = missing → `score` float32 [N], for order within a group only. */
  readonly onnx: Uint8Array;
  /** Trees of each member that were kept. */
  readonly trees: number;
  /** Figure of merit after each tree that was grown. */
  readonly history: readonly number[];
}

/**
 * LambdaMART: gradient boosting of regression trees on lambda gradients of NDCG (Burges, MSR-TR-2010-82). A feature that no
 * training row lacks sends a missing value where most rows went. Equal arguments give equal bits, whatever the threads.
 */
export function fitLambdaMart(examples: GroupedExamples, options: LambdaMartOptions): LambdaMartModel {
  const { members, trees, validation, featureSchemaHash, onProgress } = options;
  using boosters = new Boosters(examples, options);
  const stop = validation && new SmoothedStop(validation.patience, validation.smoothing);
  let kept = trees;
  for (let grown = 1; grown <= trees; grown++) {
    boosters.step();
    onProgress?.(grown);
    if (stop === undefined) continue;
    const done = stop.add(validation!.metric(boosters.validationScores()));
    if (done || grown === trees) {
      kept = stop.best;
      break;
    }
  }
  const ensemble = forest(boosters.firstTrees(kept), 1 / members);
  const onnx = exported(ensemble, examples.width, featureSchemaHash);
  return { ensemble, onnx, trees: kept, history: stop?.history ?? [] };
}

function exported(ensemble: TreeEnsemble, width: number, featureSchemaHash: string | undefined): Uint8Array {
  const graph = new Graph();
  const features = graph.input(FEATURES_INPUT, ['N', width]);
  const score = reshape(treeEnsembleRegressor(features, ensemble), ['N'], SCORE_OUTPUT);
  const metadata = schemaMetadata(featureSchemaHash);
  return toBytes(graph, { outputs: { [SCORE_OUTPUT]: score }, parameters: 'initialisers', metadata });
}

/** When to stop, by a figure of merit that is averaged over its neighbours. */
class SmoothedStop {
  readonly history: number[] = [];
  readonly #patience: number;
  readonly #smoothing: number;
  #bestAt = 0;
  #best = Number.NEGATIVE_INFINITY;

  constructor(patience: number, smoothing: number) {
    this.#patience = patience;
    this.#smoothing = smoothing;
  }

  /** The number of steps with the best figure; 1 before any. */
  get best(): number {
    return this.#bestAt + 1;
  }

  /** Takes the figure after one more step; whether to stop. */
  add(figure: number): boolean {
    this.history.push(figure);
    const centre = Math.max(0, this.history.length - 1 - this.#smoothing);
    const window = this.history.slice(Math.max(0, centre - this.#smoothing));
    const mean = window.reduce((sum, value) => sum + value, 0) / window.length;
    if (mean > this.#best) {
      this.#best = mean;
      this.#bestAt = centre;
    }
    return centre - this.#bestAt >= this.#patience;
  }
}

/** Members that grow one tree each at every step. */
class Boosters implements Disposable {
  readonly #examples: GroupedExamples;
  readonly #options: LambdaMartOptions;
  readonly #pool: KernelPool;
  readonly #grower: TreeGrower;
  readonly #members: Member[];
  /** The columns that vary, which alone are binned. */
  readonly #usable: Uint32Array;
  readonly #derivatives: Float32Array;
  /** Sum over the members. */
  readonly #validationSums: Float64Array;

  constructor(examples: GroupedExamples, options: LambdaMartOptions) {
    const { rows, width, features } = examples;
    const random = new Random(options.seed);
    this.#examples = examples;
    this.#options = options;
    this.#pool = new KernelPool(options.threads ?? 1);
    const bins = findBins(features, width, options.bins, random);
    this.#usable = Uint32Array.from(bins.keys()).filter(
      (at) => bins[at].bounds.length > 0 || bins[at].hasMissing,
    );
    const binned: BinnedRows = binRows(this.#pool, features, width, bins, this.#usable);
    this.#grower = new TreeGrower(this.#pool, binned, options);
    this.#derivatives = new Float32Array(2 * rows);
    this.#validationSums = new Float64Array(options.validation?.examples.rows ?? 0);
    this.#members = Array.from({ length: options.members }, () => ({
      random: new Random(random.uint32()),
      gradients: new LambdaGradients(examples, options),
      scores: new Float64Array(rows),
      trees: [],
    }));
  }

  step(): void {
    const { validation } = this.#options;
    for (const member of this.#members) {
      const tree = this.#grow(member);
      member.trees.push(tree);
      if (validation !== undefined)
        addTree(tree, validation.examples.features, this.#examples.width, this.#validationSums);
    }
  }

  /** The members' mean, for each row of the validation. */
  validationScores(): Float64Array {
    return this.#validationSums.map((sum) => sum / this.#members.length);
  }

  firstTrees(count: number): RegressionTree[] {
    return this.#members.flatMap(({ trees }) => trees.slice(0, count));
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }

  #grow({ random, gradients, scores }: Member): RegressionTree {
    const { groupFraction, featureFraction } = this.#options;
    const { features, width, rows } = this.#examples;
    gradients.compute(scores, this.#derivatives);
    const candidates = drawnFeatures(this.#usable.length, featureFraction, random);
    const sampled = drawnGroups(this.#examples.groups, groupFraction, random);
    const grown = this.#grower.grow(this.#derivatives, sampled.rows, candidates, scores);
    const tree = { ...grown, feature: grown.feature.map((at) => (at < 0 ? at : this.#usable[at])) };
    for (let row = 0; row < rows && sampled.rows.length < rows; row++)
      if (sampled.left[row] === 1) scores[row] += valueAt(tree, features, row * width);
    return tree;
  }
}

interface Member {
  readonly random: Random;
  readonly gradients: LambdaGradients;
  readonly scores: Float64Array;
  readonly trees: RegressionTree[];
}

function drawnFeatures(features: number, fraction: number, random: Random): Uint32Array {
  const all = Uint32Array.from({ length: features }, (_, at) => at);
  if (fraction >= 1) return all;
  const count = Math.max(1, Math.round(fraction * features));
  return random.shuffle(all).subarray(0, count).sort();
}

/** Rows of a share of the groups, ascending; `left` is 1 for the other rows. */
function drawnGroups(
  groups: Uint32Array,
  fraction: number,
  random: Random,
): { rows: Uint32Array; left: Uint8Array } {
  const count = groups.length - 1;
  const total = groups[count];
  const left = new Uint8Array(total);
  const rows = Uint32Array.from({ length: total }, (_, row) => row);
  if (fraction >= 1) return { rows, left };
  const order = random.shuffle(Uint32Array.from({ length: count }, (_, group) => group));
  const kept = Math.max(1, Math.round(fraction * count));
  for (const group of order.subarray(kept)) left.fill(1, groups[group], groups[group + 1]);
  return { rows: rows.filter((row) => left[row] === 0), left };
}
