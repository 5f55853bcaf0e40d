import { MillraceError } from '../../common/errors.ts';
import { fitLogistic, logisticDefaults } from '../../common/models/logistic.ts';
import { fitNeural, neuralDefaults } from '../../common/models/neural.ts';
import type { PointwiseModel, PointwiseOptions } from '../../common/models/pointwise.ts';
import { type NoTeacher, type RankerDrift, rankerDrift, type Teacher } from './champion.ts';
import { RANKERS, type Ranker, type TrainConfig } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import type { Progress } from './progress.ts';
import type { RankerExamples } from './ranker-examples.ts';

const CUT_OFF = 10;
const PATIENCE = 3;

/** Chosen on MovieLens-100K by the validation moments; more epochs or examples gained nothing. */
const SETTINGS = {
  logistic: { ...logisticDefaults, learningRate: 0.01, batchSize: 1024, epochs: 8 },
  neural: { ...neuralDefaults, batchSize: 512, epochs: 6 },
} satisfies Record<Ranker, PointwiseOptions>;

export interface TrainedRanker {
  readonly model: Ranker;
  /** NDCG at 10 of each ranker tried, over the validation groups. */
  readonly validation: Readonly<Partial<Record<Ranker, number>>>;
  readonly onnx: Uint8Array;
  /** How far it is from the champion's ranker, where there is one and validation moments. */
  readonly stability?: RankerDrift | NoTeacher;
}

/**
 * Fits the rankers that the configuration allows, each with the epoch that ranks `validation` best, and answers the better one.
 * Without validation groups it is logistic regression unless the configuration says otherwise. A `teacher` holds their scores as
 * the configuration says.
 */
export async function trainRanker(
  { train, validation, schema, positionBias }: RankerExamples,
  config: Pick<TrainConfig, 'ranker' | 'seed' | 'stability'>,
  teacher: Teacher | NoTeacher,
  progress: Progress,
): Promise<TrainedRanker> {
  if (train.rows === 0) {
    throw new MillraceError(
      'CONFIG_INVALID',
      'the log is too small to learn a ranker from: no user took up an item that retrieval would have found from what they did before',
    );
  }
  const { ranker, seed, stability } = config;
  const taught = 'skipped' in teacher ? undefined : { ...stability, probabilities: teacher.train };
  const blind = validation.groups.length < 2;
  const models = ranker.model !== 'auto' ? [ranker.model] : blind ? (['logistic'] as const) : RANKERS;
  let best: { model: Ranker; fitted: PointwiseModel; merit: number } | undefined;
  const merits: Partial<Record<Ranker, number>> = {};
  for (const model of models) {
    const options = {
      seed,
      featureSchemaHash: schema.hash,
      ...(taught && { teacher: taught }),
      ...(positionBias && { positionBias }),
    };
    const fitted = await fitModel(model, train, blind ? undefined : validation, options, progress);
    const { bestEpoch, history } = fitted.report;
    const merit = history[bestEpoch - 1].metric ?? 0;
    if (!blind) merits[model] = merit;
    if (best === undefined || merit > best.merit) best = { model, fitted, merit };
  }
  const { model, fitted } = best as NonNullable<typeof best>;
  const distance =
    'skipped' in teacher ? teacher : await rankerDrift(fitted.onnx, teacher, validation, stability);
  return { model, validation: merits, onnx: fitted.onnx, ...(distance && { stability: distance }) };
}

function fitModel(
  model: Ranker,
  train: GroupedExamples,
  validation: GroupedExamples | undefined,
  common: Pick<PointwiseOptions, 'seed' | 'featureSchemaHash' | 'teacher' | 'positionBias'>,
  progress: Progress,
): Promise<PointwiseModel> {
  const options = {
    ...common,
    onProgress: ({ epoch }: { epoch: number }) => progress(`${model} ranker`, epoch, SETTINGS[model].epochs),
    ...(validation && {
      validation: {
        examples: validation,
        patience: PATIENCE,
        metric: (scores: Float32Array) => meanNdcg(scores, validation),
      },
    }),
  };
  return model === 'logistic'
    ? fitLogistic(train, { ...SETTINGS.logistic, ...options })
    : fitNeural(train, { ...SETTINGS.neural, ...options });
}

/** Mean NDCG of groups that have positives; a candidate of equal score counts as better. */
function meanNdcg(scores: Float32Array, { groups, labels, gains }: GroupedExamples): number {
  let sum = 0;
  for (let group = 0; group + 1 < groups.length; group++) {
    const [start, end] = [groups[group], groups[group + 1]];
    const ideal: number[] = [];
    let gained = 0;
    for (let positive = start; positive < end; positive++) {
      if (labels[positive] === 0) continue;
      const gain = gains?.[positive] ?? 1;
      ideal.push(gain);
      let rank = 1;
      for (let row = start; row < end; row++) if (row !== positive && scores[row] >= scores[positive]) rank++;
      if (rank <= CUT_OFF) gained += gain / Math.log2(rank + 1);
    }
    ideal.sort((a, b) => b - a);
    const most = ideal.slice(0, CUT_OFF).reduce((total, gain, i) => total + gain / Math.log2(i + 2), 0);
    sum += gained / most;
  }
  return sum / (groups.length - 1);
}
