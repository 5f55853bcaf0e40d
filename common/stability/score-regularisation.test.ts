import { describe, expect, it } from 'vitest';
import { GradientStep } from '../onnx/gradient-step.ts';
import { Graph } from '../onnx/graph.ts';
import { binaryCrossEntropy } from '../onnx/losses.ts';
import { DISTANCES, type Distance, drift, scoreRegularised } from './score-regularisation.ts';

const LOGITS = [-2, -0.3, 0.4, 3];
const TEACHER = [0.2, 0.5, 0.9, 0.7];
const LABELS = [0, 1, 0, 1];
const WEIGHTS = [1, 2, 0.5, 0.5];
const LAMBDA = 0.7;

const probabilities = (logits: ArrayLike<number>) =>
  Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));

/** The task's loss and the distance's gradient are known; the graph must give their sum. */
async function gradientOf(distance: Distance, lambda: number): Promise<Float32Array> {
  const graph = new Graph();
  const column = (name: string, values: number[]) => graph.constant(name, [4], Float32Array.from(values));
  const logits = graph.parameter('logits', [4], Float32Array.from(LOGITS));
  const weights = column('weights', WEIGHTS);
  const task = binaryCrossEntropy(logits, column('labels', LABELS), weights);
  const loss = scoreRegularised(task, logits, column('teacher', TEACHER), { lambda, distance }, weights);
  await using step = await GradientStep.open(loss, [logits]);
  await step.run({});
  return step.gradients.slice();
}

describe('scoreRegularised', () => {
  it.each(DISTANCES)('adds lambda times the gradient of the %s', async (distance) => {
    const gradient = await gradientOf(distance, LAMBDA);
    LOGITS.forEach((logit, row) => {
      const s = 1 / (1 + Math.exp(-logit));
      const towards = s - TEACHER[row];
      const term = distance === 'cross-entropy' ? towards : 2 * towards * s * (1 - s);
      const expected = (WEIGHTS[row] * (s - LABELS[row] + LAMBDA * term)) / LOGITS.length;
      expect(gradient[row]).toBeCloseTo(expected, 6);
    });
  });
});

describe('drift', () => {
  it.each(DISTANCES)('is 0 from itself and positive otherwise: %s', (distance) => {
    expect(drift(TEACHER, TEACHER, distance)).toBeCloseTo(0, 12);
    expect(drift(probabilities(LOGITS), TEACHER, distance)).toBeGreaterThan(0);
  });

  it('has the values worked by hand, weighted by row', () => {
    expect(drift([0.5, 1], [0.2, 0.9], 'squared-error')).toBeCloseTo((0.09 + 0.01) / 2, 6);
    expect(drift([0.5, 1], [0.2, 0.9], 'squared-error', [3, 1])).toBeCloseTo((3 * 0.09 + 0.01) / 4, 6);
    expect(drift([0.5], [0.25], 'cross-entropy')).toBeCloseTo(
      0.25 * Math.log(0.5) + 0.75 * Math.log(1.5),
      12,
    );
  });

  it.each(DISTANCES)('has the gradient that the loss gives it: %s', async (distance) => {
    const [at, without] = [await gradientOf(distance, 1), await gradientOf(distance, 0)];
    const STEP = 1e-5;
    LOGITS.forEach((_, row) => {
      const shifted = (by: number) =>
        drift(
          probabilities(LOGITS.map((logit, i) => (i === row ? logit + by : logit))),
          TEACHER,
          distance,
          WEIGHTS,
        );
      expect(at[row] - without[row]).toBeCloseTo((shifted(STEP) - shifted(-STEP)) / (2 * STEP), 5);
    });
  });

  it('stays finite at certainty', () => {
    expect(drift([0, 1], [1, 0], 'cross-entropy')).toBeLessThan(20);
  });
});
