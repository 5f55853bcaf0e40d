import type { Examples } from './examples.ts';
import { fitPointwise, type PointwiseModel, type PointwiseOptions } from './pointwise.ts';

export interface NeuralOptions extends PointwiseOptions {
  /** Units of each hidden layer, first to last. */
  readonly hidden: readonly number[];
}

export const neuralDefaults: NeuralOptions = {
  seed: 1,
  epochs: 20,
  batchSize: 1024,
  learningRate: 0.002,
  l2: 1e-6,
  hidden: [128, 64],
};

/** A small neural network, pointwise: hidden ReLU layers (He et al. initialisation) to the probability of a positive. */
export function fitNeural(
  examples: Examples,
  options: NeuralOptions = neuralDefaults,
): Promise<PointwiseModel> {
  const { hidden, ...rest } = options;
  return fitPointwise(examples, hidden, rest);
}
