import type { IalsModel } from './ials.ts';
import type { InteractionMatrix } from './interactions.ts';

/** The exact user vector for already faded weights: the dense normal equations by Cholesky, in float64. */
export function solveExactly(model: IalsModel, items: Uint32Array, weights: Float32Array): Float64Array {
  const { itemFactors, itemCount, options } = model;
  const { dim, unobservedWeight } = options;
  const matrix = Array.from({ length: dim }, () => new Float64Array(dim));
  const right = new Float64Array(dim);
  for (let item = 0; item < itemCount; item++) addOuter(matrix, itemFactors, item, unobservedWeight);
  items.forEach((item, at) => {
    addOuter(matrix, itemFactors, item, weights[at]);
    for (let i = 0; i < dim; i++) right[i] += weights[at] * itemFactors[item * dim + i];
  });
  for (let i = 0; i < dim; i++) matrix[i][i] += ridge(model, sum(weights, items.length), itemCount);
  return solveCholesky(matrix, right);
}

/** The loss in the doc comment of `IalsOptions`, pair by pair. */
export function lossOf(matrix: InteractionMatrix, users: Float64Array[], model: IalsModel): number {
  const { itemFactors, itemCount, options } = model;
  const itemMass = new Float64Array(itemCount);
  let loss = 0;
  users.forEach((vector, user) => {
    const start = matrix.offsets[user];
    const end = matrix.offsets[user + 1];
    for (let item = 0; item < itemCount; item++) {
      loss += options.unobservedWeight * dotRow(vector, itemFactors, item) ** 2;
    }
    for (let entry = start; entry < end; entry++) {
      const item = matrix.columns[entry];
      itemMass[item] += matrix.weights[entry];
      loss += matrix.weights[entry] * (1 - dotRow(vector, itemFactors, item)) ** 2;
    }
    const mass = sum(matrix.weights.subarray(start), end - start);
    loss += ridge(model, mass, itemCount) * vector.reduce((total, value) => total + value * value, 0);
  });
  for (let item = 0; item < itemCount; item++) {
    const vector = itemFactors.subarray(item * options.dim, (item + 1) * options.dim);
    loss += ridge(model, itemMass[item], users.length) * dotRow(vector, itemFactors, item);
  }
  return loss;
}

export function dotRow(vector: ArrayLike<number>, factors: Float32Array, row: number): number {
  let total = 0;
  for (let i = 0; i < vector.length; i++) total += vector[i] * factors[row * vector.length + i];
  return total;
}

function ridge({ options }: IalsModel, mass: number, others: number): number {
  return options.regularisation * (mass + options.unobservedWeight * others) ** options.frequencyExponent;
}

function sum(values: Float32Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += values[i];
  return total;
}

function addOuter(matrix: Float64Array[], factors: Float32Array, row: number, scale: number): void {
  const dim = matrix.length;
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j < dim; j++) matrix[i][j] += scale * factors[row * dim + i] * factors[row * dim + j];
  }
}

function solveCholesky(matrix: Float64Array[], right: Float64Array): Float64Array {
  const dim = right.length;
  const lower = matrix.map((row) => row.slice());
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      for (let k = 0; k < j; k++) lower[i][j] -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(lower[i][i]) : lower[i][j] / lower[j][j];
    }
  }
  const x = right.slice();
  for (let i = 0; i < dim; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
    x[i] /= lower[i][i];
  }
  for (let i = dim - 1; i >= 0; i--) {
    for (let k = i + 1; k < dim; k++) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  return x;
}
