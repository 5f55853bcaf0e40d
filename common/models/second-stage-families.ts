import type { Examples } from './examples.ts';
import type { FeatureColumn } from './feature-columns.ts';
import {
  fitSecondStage,
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

/** From here on one setting is tried. */
const LARGE_ROWS = 200_000;

const PATIENCE = 4;
const EPOCHS_MIN = 12;

/** Steps that a small data set needs to be learnt. */
const STEPS_MIN = 2000;

/** Settings to choose from, the default first. */
function grid(name: SecondStageName, rows: number): SecondStageSettings[] {
  const batchSize = Math.min(1024, Math.max(32, 2 ** Math.round(Math.log2(rows / 128))));
  const epochs = Math.max(EPOCHS_MIN, Math.ceil((STEPS_MIN * batchSize) / rows));
  const shared = { bins: 32, crosses: 16, epochs, batchSize, l2: 1e-5 };
  const each = GRIDS[name].map((settings) => ({ ...shared, ...settings }));
  return rows < LARGE_ROWS ? each : each.slice(0, 1);
}

type Choice = Pick<SecondStageSettings, 'network' | 'learningRate' | 'lookupL2'>;

const GRIDS: Readonly<Record<SecondStageName, readonly Choice[]>> = {
  logistic: [{ network: { model: 'logistic' }, learningRate: 0.005, lookupL2: 1e-5 }],
  mlp: [{ network: { model: 'mlp', dim: 8, hidden: [64, 32] }, learningRate: 0.001, lookupL2: 1e-5 }],
  widedeep: [
    { network: { model: 'widedeep', dim: 8, hidden: [64, 32] }, learningRate: 0.001, lookupL2: 1e-5 },
  ],
  dcn: [
    {
      network: { model: 'dcn', dim: 8, crossLayers: 2, hidden: [64, 32], structure: 'parallel' },
      learningRate: 0.001,
      lookupL2: 1e-5,
    },
  ],
};

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
  const settingsToTry = grid(name, examples.rows);
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
