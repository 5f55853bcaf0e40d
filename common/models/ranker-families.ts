import { Scorer } from '../onnx/scorer.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { fitLambdaMart, lambdaMartDefaults } from './lambdamart.ts';
import { fitLinear } from './linear.ts';
import { fitListwise } from './listwise.ts';
import { fitLogistic, logisticDefaults } from './logistic.ts';
import { fitNeural, neuralDefaults } from './neural.ts';
import type { RankerName } from './ranker-names.ts';

/** What a ranker's fit is given beside its data and its settings. */
export interface RankerRun {
  readonly seed: number;
  /** Threads that the fit may use. */
  readonly threads: number;
  /** Absent: the fit runs its full length. */
  readonly validation?: RankerValidation;
  /** Written to the model, for whoever opens it to check. */
  readonly featureSchemaHash?: string;
  /** Epochs or trees done of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface RankerValidation {
  readonly examples: GroupedExamples;
  /** Figure of merit of one score a row, higher is better. */
  readonly metric: (scores: Float32Array | Float64Array) => number;
}

/** A kind of ranker with the settings that are worth trying on a data set. */
export interface RankerFamily<S = RankerSettings> {
  /** Settings to choose from by the validation part, the default first; fewer where the data is large. */
  grid(examples: Pick<GroupedExamples, 'rows' | 'width'>): readonly S[];
  /**
   * The serving graph: `features` float32 [N, width], NaN = missing → `score` float32 [N]. Scores of the rows of one group
   * compare; they mean more where the model says so.
   */
  fit(examples: GroupedExamples, settings: S, run: RankerRun): Uint8Array | Promise<Uint8Array>;
}

export type RankerSettings = Readonly<Record<string, unknown>>;

/** Every ranker by the name that configuration and benchmarks know it by. */
export const RANKER_FAMILIES: Readonly<Record<RankerName, RankerFamily>> = {
  linear: typed({
    grid: () => [0.01, 1e-3, 0.1, 1].map((l2) => ({ l2 })),
    fit: (examples, settings, run) => fitLinear(examples, { ...settings, ...hashed(run) }).onnx,
  }),
  logistic: pointwise(
    [1e-4, 1e-3, 1e-2].map((l2) => ({ ...logisticDefaults, learningRate: 0.01, l2 })),
    fitLogistic,
  ),
  neural: pointwise(
    [
      { ...neuralDefaults, hidden: [32], l2: 1e-3 },
      { ...neuralDefaults, hidden: [64, 32], l2: 1e-4 },
    ],
    fitNeural,
  ),
  ranknet: listwise('ranknet'),
  listnet: listwise('listnet'),
  lambdamart: typed({
    grid: lambdaMartGrid,
    fit: (examples, settings, run) => {
      const { onProgress, validation, ...rest } = run;
      const options = { ...settings, ...rest };
      return fitLambdaMart(examples, {
        ...options,
        ...(onProgress && { onProgress: (trees: number) => onProgress(trees, options.trees) }),
        ...(validation && { validation: { ...validation, patience: 50, smoothing: 3 } }),
      }).onnx;
    },
  }),
};

/** Work on a tree, in cells of the feature matrix, up to which all settings are tried, and up to which more than one is. */
const SMALL_WORK = 5e6;
const MEDIUM_WORK = 3e7;
/** What a row costs beside its cells, for its pairs and its place in the tree. */
const ROW_WORK = 250;
/** Work on all trees of the largest data: some minutes. */
const WORK_MAX = 6e10;

/** Leaves that few rows can be divided into by any setting, at least. */
const LEAVES_POSSIBLE = 20;

function lambdaMartGrid({ rows, width }: { rows: number; width: number }) {
  const work = rows * (width + ROW_WORK);
  const minRows = (usual: number) => Math.max(1, Math.min(usual, Math.floor(rows / LEAVES_POSSIBLE)));
  const deep = {
    ...lambdaMartDefaults,
    trees: 500,
    learningRate: 0.05,
    minRows: minRows(lambdaMartDefaults.minRows),
  };
  const drawn = {
    ...deep,
    ...{ leaves: 7, minRows: minRows(100), l2: 10, featureFraction: 0.3, groupFraction: 0.7, members: 5 },
  };
  if (work > MEDIUM_WORK) {
    const trees = Math.min(500, Math.max(100, Math.round(WORK_MAX / work)));
    return [{ ...deep, trees, learningRate: Math.min(0.15, 25 / trees) }];
  }
  if (work > SMALL_WORK) return [deep, { ...drawn, members: 2 }];
  return [
    drawn,
    { ...drawn, leaves: 15, minRows: minRows(50), l2: 1, featureFraction: 0.5, groupFraction: 0.8 },
    { ...drawn, leaves: 31, minRows: minRows(20), l2: 1 },
    deep,
  ];
}

/** A family whose settings have a type of their own. */
function typed<S extends RankerSettings>(family: RankerFamily<S>): RankerFamily {
  return family as unknown as RankerFamily;
}

function hashed({ featureSchemaHash }: RankerRun) {
  return featureSchemaHash === undefined ? {} : { featureSchemaHash };
}

/** Epochs without a better figure before a network stops. */
const PATIENCE = 5;

/** What the fits of networks share. */
function networkRun(run: RankerRun, epochs: number) {
  const { seed, threads, validation, onProgress } = run;
  return {
    seed,
    threads,
    ...hashed(run),
    ...(onProgress && { onProgress: ({ epoch }: { epoch: number }) => onProgress(epoch, epochs) }),
    ...(validation && { validation: { ...validation, patience: PATIENCE } }),
  };
}

/** Grades as shares of the best one, which a pointwise model predicts. */
function asShares(examples: GroupedExamples): GroupedExamples {
  const best = examples.labels.reduce((max, grade) => Math.max(max, grade), 0);
  return best <= 1 ? examples : { ...examples, labels: examples.labels.map((grade) => grade / best) };
}

function pointwise<S extends { readonly epochs: number }>(
  grid: readonly S[],
  learn: (examples: GroupedExamples, options: S) => Promise<{ readonly onnx: Uint8Array }>,
): RankerFamily {
  return typed({
    grid: () => grid as readonly (S & RankerSettings)[],
    fit: async (examples, settings, run) => {
      const shared = networkRun(run, settings.epochs);
      const validation = run.validation && {
        validation: { ...shared.validation!, examples: asShares(run.validation.examples) },
      };
      return (await learn(asShares(examples), { ...settings, ...shared, ...validation })).onnx;
    },
  });
}

function listwise(loss: 'ranknet' | 'listnet'): RankerFamily {
  const base = { epochs: 30, batchSize: 32, learningRate: 0.002 };
  return typed({
    grid: () => [
      { ...base, hidden: [32], l2: 1e-3 },
      { ...base, hidden: [], learningRate: 0.01, l2: 1e-3 },
    ],
    fit: async (examples, settings, run) =>
      (await fitListwise(examples, { loss, ...settings, ...networkRun(run, settings.epochs) })).onnx,
  });
}

export interface ChosenRanker {
  readonly onnx: Uint8Array;
  readonly settings: RankerSettings;
  /** Merit on the validation part of each of the grid that was tried, in its order. */
  readonly merits: readonly number[];
}

/** Fits every setting of the grid and keeps the best by `run.validation`; the default, where there is none. */
export async function chooseRanker(
  family: RankerFamily,
  examples: GroupedExamples,
  run: RankerRun,
): Promise<ChosenRanker> {
  const { validation } = run;
  const grid = family.grid(examples);
  let best = { onnx: await family.fit(examples, grid[0], run), settings: grid[0] };
  if (validation === undefined) return { ...best, merits: [] };
  const merits = [await meritOf(best.onnx, validation)];
  let bestMerit = merits[0];
  for (const settings of grid.slice(1)) {
    const onnx = await family.fit(examples, settings, run);
    const merit = await meritOf(onnx, validation);
    merits.push(merit);
    if (merit <= bestMerit) continue;
    bestMerit = merit;
    best = { onnx, settings };
  }
  return { ...best, merits };
}

/** The figure of merit of a serving graph. */
async function meritOf(onnx: Uint8Array, { examples, metric }: RankerValidation): Promise<number> {
  await using scorer = await Scorer.open(onnx, { width: examples.width });
  return metric(await scorer.run(examples.features));
}
