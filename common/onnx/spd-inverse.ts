import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { toBytes } from './encode.ts';
import { Graph } from './graph.ts';
import { add, gemm, matmul, neg, sub } from './operators.ts';
import { openSession } from './session.ts';

/** Matrices up to this order are inverted by Cholesky in float64. */
const ORDER_PLAIN_MAX = 96;

/**
 * The inverse of the symmetric positive definite `matrix` (order × order, row-major, both halves given). By halves: with P the
 * inverse of the upper left block, B the lower left and C the lower right one, W = B P and T = (C − W Bᵀ)⁻¹, the inverse is
 * [P + Wᵀ T W, −Wᵀ T; −T W, T]. The products are ONNX Runtime's, in float32; 4/3 order³ multiplications and additions.
 * Throws `RangeError` where the matrix is not positive definite to this precision.
 */
export async function invertPositiveDefinite(
  matrix: Float32Array,
  order: number,
  threads: number,
): Promise<Float32Array> {
  const [schur, join] = [await openSession(schurGraph(), threads), await openSession(joinGraph(), threads)];
  try {
    return await inverse(matrix, order, { schur, join });
  } finally {
    await Promise.all([schur.release(), join.release()]);
  }
}

interface Steps {
  readonly schur: InferenceSession;
  readonly join: InferenceSession;
}

async function inverse(matrix: Float32Array, order: number, steps: Steps): Promise<Float32Array> {
  if (order <= ORDER_PLAIN_MAX) return plainInverse(matrix, order);
  const p = Math.ceil(order / 2);
  const q = order - p;
  const upper = new Tensor('float32', await inverse(block(matrix, order, 0, 0, p, p), p, steps), [p, p]);
  const lower = new Tensor('float32', block(matrix, order, p, 0, q, p), [q, p]);
  const corner = new Tensor('float32', block(matrix, order, p, p, q, q), [q, q]);
  const { w, s } = await steps.schur.run({ upper, lower, corner });
  const t = new Tensor('float32', await inverse(s.data as Float32Array, q, steps), [q, q]);
  const joined = await steps.join.run({ upper, w, t });
  const out = new Float32Array(order * order);
  const side = joined.side.data as Float32Array;
  place(joined.first.data as Float32Array, p, out, order, 0, 0);
  place(side, p, out, order, p, 0);
  place(t.data as Float32Array, q, out, order, p, p);
  for (let i = 0; i < q; i++) {
    for (let j = 0; j < p; j++) out[j * order + p + i] = side[i * p + j];
  }
  return out;
}

/** W and C − W Bᵀ of P, B and C. */
function schurGraph(): Uint8Array {
  const graph = new Graph();
  const upper = graph.input('upper', ['P', 'P']);
  const lower = graph.input('lower', ['Q', 'P']);
  const corner = graph.input('corner', ['Q', 'Q']);
  const w = matmul(lower, upper);
  const s = sub(corner, gemm(w, lower, { transB: true }));
  return toBytes(graph, { outputs: { w, s }, parameters: 'inputs' });
}

/** −T W and P + Wᵀ T W of P, W and T. */
function joinGraph(): Uint8Array {
  const graph = new Graph();
  const upper = graph.input('upper', ['P', 'P']);
  const w = graph.input('w', ['Q', 'P']);
  const t = graph.input('t', ['Q', 'Q']);
  const product = matmul(t, w);
  const first = add(upper, gemm(w, product, { transA: true }));
  return toBytes(graph, { outputs: { side: neg(product), first }, parameters: 'inputs' });
}

function block(
  from: Float32Array,
  order: number,
  row: number,
  column: number,
  rows: number,
  columns: number,
): Float32Array {
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const at = (row + i) * order + column;
    out.set(from.subarray(at, at + columns), i * columns);
  }
  return out;
}

function place(
  from: Float32Array,
  columns: number,
  out: Float32Array,
  order: number,
  row: number,
  column: number,
) {
  for (let i = 0; i * columns < from.length; i++) {
    out.set(from.subarray(i * columns, (i + 1) * columns), (row + i) * order + column);
  }
}

/** By Cholesky, A = L Lᵀ, and the inverse of L. */
function plainInverse(matrix: Float32Array, order: number): Float32Array {
  const lower = new Float64Array(order * order);
  const rootInverse = new Float64Array(order * order);
  for (let i = 0; i < order; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * order + j];
      for (let k = 0; k < j; k++) sum -= lower[i * order + k] * lower[j * order + k];
      if (i === j && !(sum > 0)) throw new RangeError('the matrix is not positive definite');
      lower[i * order + j] = i === j ? Math.sqrt(sum) : sum / lower[j * order + j];
    }
  }
  for (let j = 0; j < order; j++) {
    for (let i = j; i < order; i++) {
      let sum = i === j ? 1 : 0;
      for (let k = j; k < i; k++) sum -= lower[i * order + k] * rootInverse[k * order + j];
      rootInverse[i * order + j] = sum / lower[i * order + i];
    }
  }
  const out = new Float32Array(order * order);
  for (let i = 0; i < order; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < order; k++) sum += rootInverse[k * order + i] * rootInverse[k * order + j];
      out[i * order + j] = sum;
      out[j * order + i] = sum;
    }
  }
  return out;
}
