import type { Value } from '../onnx/graph.ts';
import { add, exp, mul, probability, softplus, sub } from '../onnx/operators.ts';
import type { Calibration, Link } from './calibration.ts';
import { checkLength, checkRows, checkValues, type Examples } from './examples.ts';

/** One thing that a multi-task network predicts. */
export interface Task {
  /** The output's name in the exported model. */
  readonly name: string;
  /**
   * `binary`: labels in [0, 1], binary cross-entropy, a probability. `squared`: any labels, squared error in units of their
   * standard deviation. `log`: labels ≥ 0, such as a watch time, squared error of log(1 + label) likewise, a positive number.
   */
  readonly kind: 'binary' | 'squared' | 'log';
  /** Of its loss in the sum. Default 1. */
  readonly weight?: number;
}

/** Labelled rows for several tasks. */
export interface TaskExamples extends Omit<Examples, 'labels'> {
  /** By task, one label a row; NaN where a row has none. */
  readonly labels: Readonly<Record<string, Float32Array>>;
}

/** A task's labels as a network learns them. */
export interface TaskTargets {
  readonly task: Task;
  /** Labels, transformed and standardised; 0 where there is none. */
  readonly targets: Float32Array;
  /** 0 where there is no label, else the row's weight, scaled to a mean of 1 over all rows. */
  readonly weights: Float32Array;
  /** Where the head's output starts. */
  readonly start: number;
  /** From the head's output to the scale of the labels under the task's link, by the standardisation alone. */
  readonly prior: Calibration;
}

export const TASK_LINKS: Readonly<Record<Task['kind'], Link>> = {
  binary: 'logistic',
  squared: 'identity',
  log: 'exponential',
};

/** Throws naming the array, or the task and the row, that breaks the contract of `TaskExamples`. */
export function checkTaskExamples(examples: TaskExamples, tasks: readonly Task[]): void {
  const { rows, labels, weights } = examples;
  checkRows(examples);
  if (tasks.length === 0) throw new Error('there are no tasks');
  if (new Set(tasks.map(({ name }) => name)).size < tasks.length) throw new Error('two tasks have one name');
  for (const { name, kind } of tasks) {
    const of = labels[name];
    if (of === undefined) throw new Error(`task ${name} has no labels`);
    const called = `labels of ${name}`;
    checkLength(called, of, rows);
    checkValues(called, of, (label) => Number.isNaN(label) || LABEL_CHECKS[kind](label));
    if (!of.some((label, row) => !Number.isNaN(label) && (weights === undefined || weights[row] > 0)))
      throw new Error(`${called}: no row has one`);
  }
}

const LABEL_CHECKS: Readonly<Record<Task['kind'], (label: number) => boolean>> = {
  binary: (label) => label >= 0 && label <= 1,
  squared: (label) => Math.abs(label) < Number.POSITIVE_INFINITY,
  log: (label) => label >= 0 && label < Number.POSITIVE_INFINITY,
};

/** The targets of a training part. */
export function fitTargets({ labels, weights, rows }: TaskExamples, task: Task): TaskTargets {
  const of = transformed(labels[task.name], task);
  const presence = presentWeights(of, weights);
  const total = presence.reduce((sum, weight) => sum + weight, 0);
  const moment = (power: number, about: number) =>
    of.reduce(
      (sum, label, row) => (presence[row] === 0 ? sum : sum + presence[row] * (label - about) ** power),
      0,
    ) / total;
  const mean = moment(1, 0);
  const binary = task.kind === 'binary';
  const std = Math.sqrt(moment(2, mean)) || 1;
  const prior = binary ? { slope: 1, intercept: 0 } : { slope: std, intercept: mean };
  const rate = (Math.min(mean, 1) * rows + 0.5) / (rows + 1);
  const start = binary ? Math.log(rate / (1 - rate)) : 0;
  return { ...standardisedTargets(of, presence, total / rows, prior), task, start, prior };
}

/** The targets of other rows on the scale of the training part's. */
export function targetsAs({ task, prior }: TaskTargets, { labels, weights, rows }: TaskExamples) {
  const of = transformed(labels[task.name], task);
  const presence = presentWeights(of, weights);
  const total = presence.reduce((sum, weight) => sum + weight, 0);
  return standardisedTargets(of, presence, total / rows || 1, prior);
}

/** 0 where there is no label, else the row's weight. */
function presentWeights(labels: Float32Array, weights: Float32Array | undefined): Float32Array {
  return labels.map((label, row) => (Number.isNaN(label) ? 0 : (weights?.[row] ?? 1)));
}

function standardisedTargets(of: Float32Array, presence: Float32Array, mean: number, prior: Calibration) {
  return {
    targets: of.map((label) => (Number.isNaN(label) ? 0 : (label - prior.intercept) / prior.slope)),
    weights: presence.map((weight) => weight / mean),
  };
}

function transformed(labels: Float32Array, { kind }: Task): Float32Array {
  return kind === 'log' ? labels.map(Math.log1p) : labels;
}

/** The loss of each row of a batch, all [N]. */
export function rowLosses({ kind, weight = 1 }: Task, raw: Value, targets: Value, weights: Value): Value {
  const error = sub(raw, targets);
  const loss = kind === 'binary' ? sub(softplus(raw), mul(raw, targets)) : mul(error, error);
  return mul(mul(loss, weights), weight);
}

/** A head's calibrated output in the graph. */
export function calibrated(
  { kind }: Task,
  raw: Value,
  { slope, intercept }: Calibration,
  name: string,
): Value {
  const x = add(mul(raw, slope), intercept);
  if (kind === 'squared') return add(x, 0, name);
  return kind === 'binary' ? probability(x, name) : exp(x, name);
}

/** The float64 twin of `calibrated`. */
export function calibratedRow({ kind }: Task, raw: number, { slope, intercept }: Calibration): number {
  const x = Math.fround(slope) * raw + Math.fround(intercept);
  if (kind === 'squared') return x;
  return kind === 'binary' ? 1 / (1 + Math.exp(-x)) : Math.exp(x);
}
