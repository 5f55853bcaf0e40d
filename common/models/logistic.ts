import type { Examples } from './examples.ts';
import { fitPointwise, type PointwiseModel, type PointwiseOptions } from './pointwise.ts';

export type LogisticOptions = PointwiseOptions;

export const logisticDefaults: LogisticOptions = {
  seed: 1,
  epochs: 30,
  batchSize: 256,
  learningRate: 0.05,
  l2: 1e-6,
};

/** Logistic regression: the probability of a positive as a linear function of the standardised features. */
export function fitLogistic(
  examples: Examples,
  options: LogisticOptions = logisticDefaults,
): Promise<PointwiseModel> {
  return fitPointwise(examples, [], options);
}
