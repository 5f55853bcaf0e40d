import { z } from 'zod';
import { bestFirst } from '../../common/best-first.ts';
import { type Manifest, Part } from '../../common/bundle/manifest.ts';
import type { Bundle } from '../../common/bundle/store.ts';
import { fitSecondStage } from '../../common/models/second-stage.ts';
import {
  batchSizeFor,
  networkOf,
  numericColumns,
  type SecondStageSettings,
} from '../../common/models/second-stage-families.ts';
import { OUTCOME_TASKS, type OutcomeTask, POSITIVE_TASK } from '../../common/models/second-stage-tasks.ts';
import type { Task, TaskExamples } from '../../common/models/tasks.ts';
import { championTeacher, decidingPart, type ModelDrift, modelDrift, type NoTeacher } from './champion.ts';
import type { SecondStage, TrainConfig } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { ndcgOf, scored } from './merit.ts';
import type { Progress } from './progress.ts';
import type { RankerExamples } from './ranker-examples.ts';

/** Labels without which a task is not learnt. */
const LABELS_MIN = { train: 100, validation: 20 };
/** Validation moments without which nothing is chosen. */
const MOMENTS_MIN = 20;
/** Of an outcome's loss, near 1 where nothing is known, beside that of the score, which is small because few items are taken up. */
const OUTCOME_WEIGHT = 0.01;
/** By how much re-ranking must be better on validation than ranking alone: a second model is not free. */
const GAIN_MIN = 1.01;
/** Epochs, and those without improvement before training stops. */
const EPOCHS = 8;
const PATIENCE = 3;

/** Chosen on MovieLens-100K by the validation moments. More bins gain a little and cost much, in training and in every request. */
const SETTINGS = {
  dcn: { bins: 1, crosses: 0, learningRate: 0.006 },
  widedeep: { bins: 8, crosses: 16, learningRate: 0.003 },
} satisfies Record<SecondStage, Partial<SecondStageSettings>>;
const HIDDEN = [32];
const PENALTIES = { l2: 1e-5, lookupL2: 1e-4 };

/** The network of so many features, and how it is trained. */
export function secondStageSettings(model: SecondStage, width: number) {
  const settings = SETTINGS[model];
  return { ...settings, ...PENALTIES, network: networkOf(model, width * (1 + settings.bins), HIDDEN) };
}

/** What came of learning a second stage. */
export interface TrainedSecondStage {
  readonly model: SecondStage;
  /** Rows of a request, best first by ranking, that it scores. */
  readonly depth: number;
  /** The outputs beside the score are called as the tasks. */
  readonly tasks: readonly string[];
  /** NDCG at 10 over the validation moments: as ranking orders them, and with the best `depth` re-ranked. */
  readonly validation: { readonly ranking: number; readonly reranked: number };
  /** Whether it is better and serves. */
  readonly used: boolean;
  readonly onnx: Uint8Array;
  /** How far it is from what the champion scored by, where there is a champion of the same features. */
  readonly stability?: ModelDrift | NoTeacher;
}

/** Why no second stage was learnt. */
export interface NoSecondStage {
  readonly skipped: string;
}

/**
 * Fits the configured network on the ranker's examples: whether an item is taken up, and where enough rows say so what it then comes to.
 * The epoch and the settings are those that order the best `depth` rows of the validation moments best; on those rows the outputs are
 * calibrated. It is used if that order is better than that of `ranker`, the first-stage model as ONNX. What the champion chose slates by
 * is the teacher of its score.
 */
export async function trainSecondStage(
  { train, validation, schema, positionBias }: RankerExamples,
  ranker: Uint8Array,
  config: Pick<TrainConfig, 'reranker' | 'seed' | 'stability' | 'threads'>,
  champion: Bundle | NoTeacher,
  progress: Progress,
): Promise<TrainedSecondStage | NoSecondStage> {
  const { model, depth } = config.reranker;
  const { stability, seed, threads } = config;
  if (model === 'off') return { skipped: 'train.reranker.model is off' };
  if (validation.groups.length - 1 < MOMENTS_MIN)
    return { skipped: `fewer than ${MOMENTS_MIN} moments to validate by` };
  const ranking = await scored(ranker, validation);
  const rows = bestRows(validation, ranking, depth);
  const best = taken(validation, rows);
  const part = 'skipped' in champion ? Part.secondStage : decidingPart(champion);
  const teacher = await championTeacher(champion, { train, validation: best, schema }, part);
  const tasks: Task[] = [
    { name: POSITIVE_TASK, kind: 'binary' },
    ...OUTCOME_TASKS.filter((task) => isLearnable(train, best, task)).map(taskOf),
  ];
  const { onnx, report } = await fitSecondStage(asTasks(train), {
    ...secondStageSettings(model, train.width),
    batchSize: batchSizeFor(train.rows),
    epochs: EPOCHS,
    columns: numericColumns(schema.columns),
    tasks,
    seed,
    threads,
    featureSchemaHash: schema.hash,
    validation: { examples: asTasks(best), metric: ndcgOf(best), patience: PATIENCE },
    ...(!('skipped' in teacher) && { teacher: { ...stability, probabilities: teacher.train } }),
    ...(positionBias && { positionBias }),
    onProgress: ({ epoch }) => progress('second stage', epoch, EPOCHS),
  });
  const merit = ndcgOf(best)(gathered(ranking, rows.at));
  const reranked = report.history[report.bestEpoch - 1].metric ?? 0;
  const stable = 'skipped' in teacher ? teacher : await modelDrift(onnx, teacher, best, stability);
  return {
    model,
    depth,
    tasks: tasks.map(({ name }) => name),
    validation: { ranking: merit, reranked },
    used: reranked >= GAIN_MIN * merit,
    onnx,
    ...(stable && { stability: stable }),
  };
}

const settingsSchema = z.union([
  z.object({ skipped: z.string() }),
  z.object({
    model: z.string(),
    tasks: z.array(z.string()),
    validation: z.object({ ranking: z.number(), reranked: z.number() }),
    used: z.boolean(),
  }),
]);

/** A line that says what came of the second stage of a bundle, by its manifest; undefined where the manifest does not say. */
export function secondStageLine({ settings }: Pick<Manifest, 'settings'>): string | undefined {
  const parsed = settingsSchema.safeParse(settings.secondStage);
  if (!parsed.success) return undefined;
  if ('skipped' in parsed.data) return `second stage: none, ${parsed.data.skipped}`;
  const { model, tasks, validation, used } = parsed.data;
  const { ranking, reranked } = validation;
  const figures = `NDCG@10 ${reranked.toFixed(4)} on validation, ${ranking.toFixed(4)} by ranking alone`;
  return `second stage: ${model} for ${tasks.join(', ')}; ${figures}: ${used ? 'it serves' : 'left out'}`;
}

/** Rows of some examples, in groups as theirs. */
interface Rows {
  readonly at: Uint32Array;
  readonly groups: Uint32Array;
}

/** The best `depth` rows of every group, best first. */
function bestRows({ groups }: GroupedExamples, scores: Float32Array, depth: number): Rows {
  const at: number[] = [];
  const ends = [0];
  const order = Uint32Array.from({ length: scores.length }, (_, row) => row);
  for (let group = 0; group + 1 < groups.length; group++) {
    const [start, end] = [groups[group], groups[group + 1]];
    const best = bestFirst(scores.slice(start, end), order.subarray(start, end)).subarray(0, depth);
    for (const row of best) at.push(start + row);
    ends.push(at.length);
  }
  return { at: Uint32Array.from(at), groups: Uint32Array.from(ends) };
}

function taken(examples: GroupedExamples, { at, groups }: Rows): GroupedExamples {
  const { width, features, labels, weights, gains, outcomes } = examples;
  const rows = new Float32Array(at.length * width);
  for (const [to, row] of at.entries())
    rows.set(features.subarray(row * width, (row + 1) * width), to * width);
  return {
    rows: at.length,
    width,
    features: rows,
    labels: gathered(labels, at),
    weights: gathered(weights, at),
    groups,
    ...(gains && { gains: gathered(gains, at) }),
    ...(outcomes && {
      outcomes: { watch: gathered(outcomes.watch, at), rating: gathered(outcomes.rating, at) },
    }),
  };
}

function gathered(values: Float32Array, rows: Uint32Array): Float32Array {
  return Float32Array.from(rows, (row) => values[row]);
}

function asTasks({ labels, outcomes, rows, width, features, weights }: GroupedExamples): TaskExamples {
  return { rows, width, features, weights, labels: { ...outcomes, [POSITIVE_TASK]: labels } };
}

/** Whether both parts have enough labels of the task, and they differ. */
function isLearnable(train: GroupedExamples, validation: GroupedExamples, task: OutcomeTask): boolean {
  const known = (examples: GroupedExamples): Float32Array =>
    (examples.outcomes?.[task] ?? NOTHING).filter((label) => !Number.isNaN(label));
  const labels = known(train);
  return (
    labels.length >= LABELS_MIN.train &&
    known(validation).length >= LABELS_MIN.validation &&
    labels.some((label) => label !== labels[0])
  );
}

const NOTHING = new Float32Array(0);

function taskOf(name: OutcomeTask): Task {
  return { name, kind: name === 'watch' ? 'log' : 'squared', weight: OUTCOME_WEIGHT };
}
