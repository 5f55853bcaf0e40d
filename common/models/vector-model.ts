import type { VectorModel } from './candidate-model.ts';

/** A model whose scores are the inner products of its factors, which it reads at every call and does not copy. */
export function vectorModel(dim: number, userFactors: Float32Array, itemFactors: Float32Array): VectorModel {
  const itemCount = itemFactors.length / dim;
  return {
    dim,
    itemCount,
    userFactors,
    itemFactors,
    scoreUsers(users, scores) {
      for (let row = 0; row < users.length; row++) {
        const user = userFactors.subarray(users[row] * dim, (users[row] + 1) * dim);
        innerProducts(user, itemFactors, scores, row * itemCount);
      }
    },
  };
}

/** scores[at + i] = vector · row i of `table`, for every row. */
function innerProducts(vector: Float32Array, table: Float32Array, scores: Float32Array, at: number): void {
  const dim = vector.length;
  for (let from = 0, to = at; from < table.length; from += dim, to++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += vector[i] * table[from + i];
    scores[to] = sum;
  }
}
