import type { VectorModel } from './candidate-model.ts';
import { gramian } from './gramian.ts';
import { type IalsModel, ialsDefaults } from './ials.ts';
import type { RecencyOptions } from './recency.ts';

/** How the vector of a history is found over item factors that another model learnt. */
export interface FoldIn {
  /** λ of the fold-in: a small one explains the history exactly, a large one tends to the direction of its items' mean. */
  readonly regularisation: number;
  readonly recency: RecencyOptions;
}

/**
 * A vector model's item factors with the fold-in of iALS: the user vector that minimises iALS's loss over a history. So any
 * vector model answers people whom its training has not seen, and what they did a moment ago. Factors are scaled, all by one
 * number, to a mean square length of 1, at which λ means the same for every model.
 */
export function foldable(
  { dim, itemCount, itemFactors }: VectorModel,
  foldIn: FoldIn,
  seed: number,
): IalsModel {
  const square = itemFactors.reduce((sum, value) => sum + value * value, 0) / Math.max(1, itemCount);
  const scaled = itemFactors.map((value) => value / Math.sqrt(square || 1));
  return {
    options: {
      ...ialsDefaults,
      dim,
      seed,
      regularisation: foldIn.regularisation,
      foldInRecency: foldIn.recency,
    },
    itemCount,
    itemFactors: scaled,
    gramian: gramian(scaled, dim),
  };
}
