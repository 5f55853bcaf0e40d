import { MillraceError } from '../../common/errors.ts';
import { calibrate } from '../../common/models/calibration.ts';
import { fitLogistic, logisticDefaults } from '../../common/models/logistic.ts';
import { fitNeural, neuralDefaults } from '../../common/models/neural.ts';
import type { PointwiseOptions } from '../../common/models/pointwise.ts';
import { chooseRanker, RANKER_FAMILIES } from '../../common/models/ranker-families.ts';
import { asTask, chooseSecondStage, numericColumns } from '../../common/models/second-stage-families.ts';
import { POSITIVE_TASK } from '../../common/models/second-stage-tasks.ts';
import { squashed } from '../../common/onnx/squashed.ts';
import { type ModelDrift, modelDrift, type NoTeacher, type Teacher } from './champion.ts';
import { type Ranker, SECOND_STAGE_RANKERS, type SecondStage, type TrainConfig } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { ndcgOf, scored } from './merit.ts';
import type { Progress } from './progress.ts';
import type { RankerExamples } from './ranker-examples.ts';

const PATIENCE = 3;

/** Chosen on MovieLens-100K by the validation moments; more epochs or examples gained nothing. */
const SETTINGS = {
  logistic: { ...logisticDefaults, learningRate: 0.01, batchSize: 1024, epochs: 8 },
  neural: { ...neuralDefaults, batchSize: 512, epochs: 6 },
} satisfies Record<Pointwise, PointwiseOptions>;

/** The rankers that learn probabilities by `fitPointwise`. */
const POINTWISE = ['logistic', 'neural'] as const;
type Pointwise = (typeof POINTWISE)[number];

/** Epochs that they usually take at most: a small log has more. */
const NETWORK_EPOCHS = 15;

export interface TrainedRanker {
  readonly model: Ranker;
  /** NDCG at 10 of each ranker tried, over the validation groups. */
  readonly validation: Readonly<Partial<Record<Ranker, number>>>;
  readonly onnx: Uint8Array;
  /** How far it is from the champion's ranker, where there is one and validation moments. */
  readonly stability?: ModelDrift | NoTeacher;
}

/**
 * Fits the rankers that the configuration allows, each with the epoch that ranks `validation` best, and answers the better one.
 * Without validation groups it is logistic regression unless the configuration says otherwise. A `teacher` holds their scores as
 * the configuration says.
 */
export async function trainRanker(
  { train, validation, schema, positionBias }: RankerExamples,
  config: Pick<TrainConfig, 'ranker' | 'seed' | 'stability' | 'threads'>,
  teacher: Teacher | NoTeacher,
  progress: Progress,
): Promise<TrainedRanker> {
  if (train.rows === 0) {
    throw new MillraceError(
      'CONFIG_INVALID',
      'the log is too small to learn a ranker from: no user took up an item that retrieval would have found from what they did before',
    );
  }
  const { ranker, seed, stability, threads } = config;
  const taught = 'skipped' in teacher ? undefined : { ...stability, probabilities: teacher.train };
  const blind = validation.groups.length < 2;
  const models = ranker.model !== 'auto' ? [ranker.model] : blind ? (['logistic'] as const) : POINTWISE;
  let best: ({ model: Ranker } & Fitted) | undefined;
  const merits: Partial<Record<Ranker, number>> = {};
  for (const model of models) {
    const options = {
      seed,
      featureSchemaHash: schema.hash,
      ...(taught && { teacher: taught }),
      ...(positionBias && { positionBias }),
    };
    const seen = blind ? undefined : validation;
    const fitted = isPointwise(model)
      ? await fitPointwiseRanker(model, train, seen, options, progress)
      : await fitOther(model, train, seen, { ...options, threads, features: schema.columns }, progress);
    if (!blind) merits[model] = fitted.merit;
    if (best === undefined || fitted.merit > best.merit) best = { model, ...fitted };
  }
  const { model, onnx } = best as NonNullable<typeof best>;
  const distance = 'skipped' in teacher ? teacher : await modelDrift(onnx, teacher, validation, stability);
  return { model, validation: merits, onnx, ...(distance && { stability: distance }) };
}

interface Fitted {
  readonly onnx: Uint8Array;
  /** NDCG of the validation moments; 0 without. */
  readonly merit: number;
}

type CommonOptions = Pick<PointwiseOptions, 'seed' | 'featureSchemaHash' | 'teacher' | 'positionBias'>;

type OtherOptions = CommonOptions & {
  readonly threads: number;
  /** Names of the features, by column. */
  readonly features: readonly string[];
};

function isSecondStage(model: Ranker): model is SecondStage {
  return (SECOND_STAGE_RANKERS as readonly Ranker[]).includes(model);
}

function isPointwise(model: Ranker): model is Pointwise {
  return (POINTWISE as readonly Ranker[]).includes(model);
}

async function fitOther(
  model: Exclude<Ranker, Pointwise>,
  train: GroupedExamples,
  validation: GroupedExamples | undefined,
  options: OtherOptions,
  progress: Progress,
): Promise<Fitted> {
  if (isSecondStage(model)) return fitNetwork(model, train, validation, options, progress);
  const { threads, teacher, positionBias, ...common } = options;
  if (positionBias !== undefined || (teacher !== undefined && teacher.lambda > 0)) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `ranker.model: ${model} takes neither a correction of position bias nor stability.lambda; ${[...POINTWISE, ...SECOND_STAGE_RANKERS].join(', ')} do`,
    );
  }
  const family = RANKER_FAMILIES[model];
  const chosen = await chooseRanker({ ...family, grid: (data) => family.grid(data).slice(0, 1) }, train, {
    ...common,
    threads,
    onProgress: (done, total) => progress(`${model} ranker`, done, total),
    ...(validation && { validation: { examples: validation, metric: ndcgOf(validation) } }),
  });
  const raw = await scored(chosen.onnx, train);
  const prior = { slope: 1, intercept: 0 };
  const calibration = calibrate('logistic', raw, train.labels, train.weights, prior);
  return { onnx: squashed(chosen.onnx, calibration), merit: chosen.merits[0] ?? 0 };
}

/** A second-stage network on the ranker's features, with one task. */
async function fitNetwork(
  model: SecondStage,
  train: GroupedExamples,
  validation: GroupedExamples | undefined,
  { features, ...common }: OtherOptions,
  progress: Progress,
): Promise<Fitted> {
  const stopping = validation && { examples: asTask(validation, POSITIVE_TASK), metric: ndcgOf(validation) };
  const chosen = await chooseSecondStage(model, asTask(train, POSITIVE_TASK), stopping, {
    ...common,
    columns: numericColumns(features),
    tasks: [{ name: POSITIVE_TASK, kind: 'binary' }],
    onProgress: ({ epoch }) => progress(`${model} ranker`, epoch, Math.max(epoch, NETWORK_EPOCHS)),
  });
  return { onnx: chosen.model.onnx, merit: Math.max(0, ...chosen.merits) };
}

async function fitPointwiseRanker(
  model: Pointwise,
  train: GroupedExamples,
  validation: GroupedExamples | undefined,
  common: CommonOptions,
  progress: Progress,
): Promise<Fitted> {
  const options = {
    ...common,
    onProgress: ({ epoch }: { epoch: number }) => progress(`${model} ranker`, epoch, SETTINGS[model].epochs),
    ...(validation && {
      validation: { examples: validation, patience: PATIENCE, metric: ndcgOf(validation) },
    }),
  };
  const { onnx, report } =
    model === 'logistic'
      ? await fitLogistic(train, { ...SETTINGS.logistic, ...options })
      : await fitNeural(train, { ...SETTINGS.neural, ...options });
  return { onnx, merit: report.history[report.bestEpoch - 1].metric ?? 0 };
}
