import { InnerProducts } from '../kernels/inner-products.ts';
import type { VectorModel } from './candidate-model.ts';

/** A model whose scores are the inner products of its factors, which it reads at every call and does not keep. */
export function vectorModel(dim: number, userFactors: Float32Array, itemFactors: Float32Array): VectorModel {
  const itemCount = itemFactors.length / dim;
  let products: InnerProducts | undefined;
  return {
    dim,
    itemCount,
    userFactors,
    itemFactors,
    scoreUsers(users, scores) {
      products ??= new InnerProducts(dim);
      products.multiply(userFactors, users, itemFactors, scores);
    },
  };
}
