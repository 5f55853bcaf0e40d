import { add } from '../onnx/operators.ts';
import { denseStack } from './layers.ts';
import { headLayer, joinedInput, linearPart, type Network, type NetworkContext } from './networks.ts';

export interface DeepOptions {
  /** Width of an embedding. */
  readonly dim: number;
  /** Units of each deep layer, first to last. */
  readonly hidden: readonly number[];
}

/** Dense ReLU layers over the numeric inputs and the embeddings of the categorical ones. */
export function deep(context: NetworkContext, { dim, hidden }: DeepOptions): Network {
  const input = joinedInput(context, dim);
  const stack = denseStack(input.output, hidden, context.random, 'deep');
  const heads = headLayer(stack.output, context);
  return {
    output: heads.output,
    lookups: input.lookups,
    row: (row) => heads.row(stack.row(input.row(row))),
  };
}

/**
 * Wide & Deep (Cheng et al., DLRS 2016): the sum of a linear model on indicators and their cross products and of a deep
 * network, trained jointly.
 */
export function wideDeep(context: NetworkContext, options: DeepOptions): Network {
  const wide = linearPart(context);
  const network = deep({ ...context, start: new Float32Array(context.start.length) }, options);
  return {
    output: add(wide.output, network.output),
    lookups: [...wide.lookups, ...network.lookups],
    row(row) {
      const sum = wide.row(row);
      network.row(row).forEach((value, head) => {
        sum[head] += value;
      });
      return sum;
    },
  };
}
