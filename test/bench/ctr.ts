import { expectedCalibrationError } from '../../common/metrics/calibration.ts';
import { areaUnderCurve, decisions, logLoss } from '../../common/metrics/classification.ts';
import {
  chooseSecondStage,
  SECOND_STAGE_NAMES,
  type SecondStageName,
} from '../../common/models/second-stage-families.ts';
import type { TaskExamples } from '../../common/models/tasks.ts';
import { CellError, MISSING, type TextColumn, TextVectoriser } from '../../common/models/text-columns.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { Random } from '../../common/random.ts';
import { type Bench, oneOf, parsed, required, UsageError, wholeNumber } from './bench.ts';
import { type CsvTable, columnsNamed, readCsvTable } from './csv.ts';
import { eachInItsProcess, heartbeat, measured } from './report.ts';

const SEED = 1;
/** Of ONNX Runtime: small batches gain nothing from a second. */
const THREADS = (rows: number) => (rows < 200_000 ? 1 : 2);
const TASK = 'label';
const VALIDATION_SHARE = 0.1;
/** A category with fewer training rows than this, or than one in `RARE_SHARE`, is as unseen. */
const RARE_ROWS = 5;
const RARE_SHARE = 1000;

/**
 * Second-stage models on a CSV file with a label of two values. The positive one is the greater where both are numbers, else
 * the rarer of the training rows, else the later in code-point order. A tenth of the training rows, drawn by the seed, chooses
 * settings, stops training and calibrates; the model that is measured learnt from the other nine. A probability of a half or
 * more predicts a positive.
 */
export const ctrBench: Bench = {
  usage: `--train F --test F --label NAME [--model NAME] [--seed N] [--seeds N]   NAME: ${SECOND_STAGE_NAMES.join(' ')}`,
  async run(args, print) {
    const values = parsed(args, {
      train: { type: 'string' },
      test: { type: 'string' },
      label: { type: 'string' },
      model: { type: 'string' },
      seed: { type: 'string', default: String(SEED) },
      seeds: { type: 'string', default: '1' },
    });
    const files = {
      train: required(values.train, 'train'),
      test: required(values.test, 'test'),
      label: required(values.label, 'label'),
    };
    const seed = wholeNumber(values.seed, 'seed');
    const seeds = wholeNumber(values.seeds, 'seeds', 1);
    if (values.model === undefined) return eachInItsProcess('ctr', args, SECOND_STAGE_NAMES, print);
    const model = oneOf(values.model, SECOND_STAGE_NAMES, 'model');
    const data = readData(files);
    if (seeds === 1) {
      return measured(print, { bench: 'ctr', model }, seed, () => measureModel(model, data, seed));
    }
    await measured(print, { bench: 'ctr', model, seeds }, seed, async () => {
      const runs: Figures[] = [];
      for (let i = 0; i < seeds; i++) runs.push(await measureModel(model, data, seed + i));
      const mean = (of: (figures: Figures) => number) => runs.reduce((sum, run) => sum + of(run), 0) / seeds;
      return {
        accuracy: mean((run) => run.accuracy),
        auc: mean((run) => run.auc),
        logLoss: mean((run) => run.logLoss),
        runs,
      };
    });
  },
};

interface Figures {
  readonly accuracy: number;
  readonly auc: number;
  readonly logLoss: number;
}

interface CtrData {
  readonly vectoriser: TextVectoriser;
  readonly positive: string;
  readonly train: TaskExamples;
  readonly test: TaskExamples;
}

function readData(files: { train: string; test: string; label: string }): CtrData {
  const train = readCsvTable(files.train);
  const test = readCsvTable(files.test);
  const [labels] = columnsNamed(train, [files.label]);
  const known = labelValues(train, labels);
  const names = train.columns.flatMap(({ name }) => (name === files.label ? [] : [name]));
  if (names.length === 0) throw new UsageError(`${files.train}:1: no column beside the label`);
  const rareBelow = Math.min(RARE_ROWS, train.lines.length / RARE_SHARE);
  const vectoriser = new TextVectoriser(columnsNamed(train, names), rareBelow);
  const examples = (table: CsvTable): TaskExamples => ({
    rows: table.lines.length,
    width: names.length,
    features: located(table, () => vectoriser.features(columnsNamed(table, names))),
    labels: { [TASK]: labelsOf(table, columnsNamed(table, [files.label])[0], known) },
  });
  const data = { vectoriser, positive: known[1], train: examples(train), test: examples(test) };
  if (new Set(data.test.labels[TASK]).size < 2)
    throw new UsageError(`${files.test}: label '${files.label}' has one value only, which leaves no AUC`);
  return data;
}

/** The negative and the positive value. */
function labelValues({ file, lines }: CsvTable, { name, values, codes }: TextColumn): [string, string] {
  if (values.length !== 2) {
    const some = values.slice(0, 3).join(', ');
    throw new UsageError(`${file}: label '${name}' has ${values.length} values (${some}…), not two`);
  }
  const count = codes.reduce((sum, code) => sum + Number(code === 0), 0);
  const numbers = values.map(Number);
  const numeric = numbers.every((value) => !Number.isNaN(value)) && numbers[0] !== numbers[1];
  const difference = numeric ? numbers[1] - numbers[0] : 2 * count - lines.length;
  const secondIsPositive = difference === 0 ? values[1] > values[0] : difference > 0;
  return secondIsPositive ? [values[0], values[1]] : [values[1], values[0]];
}

/** 1 where the label is the second of `known`, else 0; numbers are the same however they are written. */
function labelsOf(
  { file, lines }: CsvTable,
  { name, values, codes }: TextColumn,
  known: readonly string[],
): Float32Array {
  const labelOf = values.map((value) =>
    known.includes(value) ? known.indexOf(value) : known.findIndex((of) => Number(of) === Number(value)),
  );
  return Float32Array.from(codes, (code, row) => {
    if (code === MISSING)
      throw new UsageError(`${file}:${lines[row]}: column '${name}': the label is missing`);
    if (labelOf[code] >= 0) return labelOf[code];
    throw new UsageError(
      `${file}:${lines[row]}: column '${name}': label '${values[code]}' is neither ${known.join(' nor ')}`,
    );
  });
}

/** Turns a cell that cannot be read into a UsageError with its line. */
function located<T>({ file, lines }: CsvTable, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CellError)) throw error;
    throw new UsageError(`${file}:${lines[error.row]}: column '${error.column}': ${error.message}`);
  }
}

async function measureModel(name: SecondStageName, data: CtrData, seed: number) {
  const { vectoriser, positive, train, test } = data;
  const { kept, heldOut } = splitRows(train, seed);
  const hear = heartbeat(`ctr: ${name}, seed ${seed}`);
  const { model, settings, merits } = await chooseSecondStage(
    name,
    kept,
    { examples: heldOut },
    {
      columns: vectoriser.columns,
      tasks: [{ name: TASK, kind: 'binary' }],
      seed,
      featureSchemaHash: vectoriser.hash,
      threads: THREADS(train.rows),
      onProgress: ({ epoch, loss }) => hear(`epoch ${epoch}, loss ${loss.toFixed(4)}`),
    },
  );
  await using scorer = await Scorer.open(model.onnx, {
    width: train.width,
    featureSchemaHash: vectoriser.hash,
  });
  const probabilities = await scorer.run(test.features);
  const labels = test.labels[TASK];
  return {
    accuracy: decisions(probabilities, labels).accuracy,
    auc: areaUnderCurve(probabilities, labels),
    logLoss: logLoss(probabilities, labels),
    calibrationError: expectedCalibrationError(probabilities, labels),
    positive,
    settings,
    validation: merits,
    epochs: model.report.bestEpoch,
    parameters: model.parameterCount,
  };
}

function splitRows(examples: TaskExamples, seed: number): { kept: TaskExamples; heldOut: TaskExamples } {
  const order = new Random(seed).shuffle(Uint32Array.from({ length: examples.rows }, (_, row) => row));
  const held = Math.max(1, Math.floor(examples.rows * VALIDATION_SHARE));
  return { heldOut: rowsOf(examples, order.subarray(0, held)), kept: rowsOf(examples, order.subarray(held)) };
}

function rowsOf({ width, features, labels }: TaskExamples, rows: Uint32Array): TaskExamples {
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    taken.set(features.subarray(row * width, (row + 1) * width), i * width);
  });
  return {
    rows: rows.length,
    width,
    features: taken,
    labels: { [TASK]: Float32Array.from(rows, (row) => labels[TASK][row]) },
  };
}
