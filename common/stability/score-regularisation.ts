import type { Value } from '../onnx/graph.ts';
import { binaryCrossEntropy, meanSquaredError } from '../onnx/losses.ts';
import { add, mul, sigmoid } from '../onnx/operators.ts';

/** How far a student's probabilities are from a teacher's. */
export const DISTANCES = ['squared-error', 'cross-entropy'] as const;
export type Distance = (typeof DISTANCES)[number];

export interface ScoreRegularisation {
  /** Weight of the distance beside the task's loss, ≥ 0. */
  readonly lambda: number;
  readonly distance: Distance;
}

/**
 * L = L_task + lambda · D(student, teacher), D the mean over rows: the student learns its task and to score as its predecessor
 * did, which bounds how far a retrained model moves (distillation on the teacher's probabilities: Hinton et al. 2015; against
 * churn: Jiang et al., ICLR 2022). `logits`: the student's [N]; `teacher`: probabilities [N], calibrated on the same labels;
 * `weights` [N] as in the losses.
 */
export function scoreRegularised(
  task: Value,
  logits: Value,
  teacher: Value,
  { lambda, distance }: ScoreRegularisation,
  weights?: Value,
): Value {
  const term =
    distance === 'cross-entropy'
      ? binaryCrossEntropy(logits, teacher, weights)
      : meanSquaredError(sigmoid(logits), teacher, weights);
  return add(task, mul(term, lambda));
}

const PROBABILITY_MIN = 1e-7;

/**
 * Mean distance of the student's probabilities from the teacher's, 0 where they are equal: (s − t)², or the cross-entropy less
 * the teacher's own entropy, which is the Kullback–Leibler divergence in nats and has the cross-entropy's gradient. Probabilities
 * are drawn in from 0 and 1 by 1e-7. `weights`: one a row, not all 0. NaN for no rows.
 */
export function drift(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  distance: Distance,
  weights?: ArrayLike<number>,
): number {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < student.length; row++) {
    const weight = weights === undefined ? 1 : weights[row];
    const s = Math.min(Math.max(student[row], PROBABILITY_MIN), 1 - PROBABILITY_MIN);
    const t = Math.min(Math.max(teacher[row], PROBABILITY_MIN), 1 - PROBABILITY_MIN);
    total += weight;
    sum +=
      weight *
      (distance === 'squared-error'
        ? (s - t) ** 2
        : t * Math.log(t / s) + (1 - t) * Math.log((1 - t) / (1 - s)));
  }
  return sum / total;
}
