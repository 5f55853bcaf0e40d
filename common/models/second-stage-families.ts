import type { Examples } from './examples.ts';
import type { FeatureColumn } from './feature-columns.ts';
import {
  fitSecondStage,
  type NetworkSettings,
  type SecondStageModel,
  type SecondStageOptions,
  type SecondStageValidation,
} from './second-stage.ts';
import type { TaskExamples } from './tasks.ts';

/** What is chosen by validation rows. */
export type SecondStageSettings = Pick<
  SecondStageOptions,
  'network' | 'bins' | 'crosses' | 'epochs' | 'batchSize' | 'learningRate' | 'l2' | 'lookupL2'
>;

/** What is given. */
export type SecondStageData = Omit<SecondStageOptions, keyof SecondStageSettings | 'validation'>;

export const SECOND_STAGE_NAMES = ['logistic', 'mlp', 'widedeep', 'dcn'] as const;

export type SecondStageName = (typeof SECOND_STAGE_NAMES)[number];

const PATIENCE = 5;

/** From here on one setting is tried. */
const LARGE_ROWS = 200_000;

/** Bins of all numeric columns together, and of one. */
const BINS_MAX = 512;
const COLUMN_BINS = { min: 8, max: 64 };

/** Width of an embedding. */
const DIM = 8;

const HIDDEN = [64, 32];

/** Inputs from which on a full cross matrix costs more than it is worth. */
const FULL_CROSS_MAX = 320;

/** Steps that a small data set needs, and row visits that are enough for a large one. */
const STEPS_MIN = 2000;
const VISITS_MAX = 4_000_000;
const EPOCHS = { min: 4, max: 15 };
const EPOCHS_SMALL = 100;

/** Weak regularisation first, for dense data; then strong, for sparse. */
const PENALTIES = [
  { l2: 1e-5, lookupL2: 1e-4 },
  { l2: 1e-4, lookupL2: 3e-3 },
];

/** Rows a batch for so many training rows. */
export function batchSizeFor(rows: number): number {
  return clamp(2 ** Math.round(Math.log2(rows / 128)), { min: 32, max: 1024 });
}

/** Settings to choose from, the default first. */
function grid(
  name: SecondStageName,
  { rows }: TaskExamples,
  columns: readonly FeatureColumn[],
): SecondStageSettings[] {
  const batchSize = batchSizeFor(rows);
  const epochsForSteps = Math.ceil(STEPS_MIN / Math.ceil(rows / batchSize));
  const epochs = Math.max(
    clamp(Math.floor(VISITS_MAX / rows), EPOCHS),
    Math.min(epochsForSteps, EPOCHS_SMALL),
  );
  const numeric = columns.filter(({ kind }) => kind === 'numeric').length;
  const bins = clamp(Math.floor(BINS_MAX / Math.max(1, numeric)), COLUMN_BINS);
  const inputs = numeric * (1 + bins) + (columns.length - numeric) * DIM;
  const shared = { bins, crosses: 16, epochs, batchSize, network: networkOf(name, inputs) };
  const learningRate = name === 'logistic' ? 0.01 : 0.003;
  const each = PENALTIES.map((penalties) => ({ ...shared, ...penalties, learningRate }));
  return rows < LARGE_ROWS ? each : each.slice(0, 1);
}

/** The usual network for so many inputs, with hidden layers of its own or others. */
export function networkOf(
  name: SecondStageName,
  inputs: number,
  hidden: readonly number[] = HIDDEN,
): NetworkSettings {
  switch (name) {
    case 'logistic':
      return { model: 'logistic' };
    case 'mlp':
    case 'widedeep':
      return { model: name, dim: DIM, hidden };
    case 'dcn':
      return {
        model: 'dcn',
        dim: DIM,
        crossLayers: 2,
        ...(inputs > FULL_CROSS_MAX && { mixture: { experts: 2, rank: 32 } }),
        hidden,
        structure: 'parallel',
      };
  }
}

function clamp(value: number, { min, max }: { readonly min: number; readonly max: number }): number {
  return Math.min(max, Math.max(min, value));
}

export interface ChosenSecondStage {
  readonly model: SecondStageModel;
  readonly settings: SecondStageSettings;
  /** Best figure of merit on the validation rows of each setting tried, in the grid's order; none without them. */
  readonly merits: readonly number[];
}

/**
 * Fits every setting of a network's grid, each stopped by `validation`, and keeps the one that does best on it; without it, the
 * default for its full length.
 */
export async function chooseSecondStage(
  name: SecondStageName,
  examples: TaskExamples,
  validation: Omit<SecondStageValidation, 'patience'> | undefined,
  data: SecondStageData,
): Promise<ChosenSecondStage> {
  const settingsToTry = grid(name, examples, data.columns);
  if (validation === undefined) {
    const [settings] = settingsToTry;
    return { model: await fitSecondStage(examples, { ...data, ...settings }), settings, merits: [] };
  }
  let best: { model: SecondStageModel; settings: SecondStageSettings; merit: number } | undefined;
  const merits: number[] = [];
  for (const settings of settingsToTry) {
    const stopping = { ...validation, patience: PATIENCE };
    const model = await fitSecondStage(examples, { ...data, ...settings, validation: stopping });
    const { history, bestEpoch } = model.report;
    const merit = history[bestEpoch - 1].metric!;
    merits.push(merit);
    if (best === undefined || merit > best.merit) best = { model, settings, merit };
  }
  const { model, settings } = best!;
  return { model, settings, merits };
}

/** Columns of a matrix that holds numbers only. */
export function numericColumns(names: readonly string[]): FeatureColumn[] {
  return names.map((name) => ({ kind: 'numeric', name }));
}

/** A pointwise ranker's examples as those of one task. */
export function asTask({ labels, ...rest }: Examples, task: string): TaskExamples {
  return { ...rest, labels: { [task]: labels } };
}
