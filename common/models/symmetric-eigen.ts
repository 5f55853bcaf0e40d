const SWEEPS_MAX = 30;

/** Share of the squared diagonal that the rest may keep. */
const TOLERANCE = 1e-20;

/** Eigenvalues, the largest first, and the eigenvectors as columns of a row-major `order × order` matrix. */
export interface SymmetricEigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** By cyclic Jacobi rotations. `matrix`: symmetric, row-major `order × order`. */
export function symmetricEigen(matrix: Float64Array, order: number): SymmetricEigen {
  const a = matrix.slice();
  // Row i of v becomes the eigenvector of a_ii.
  const v = new Float64Array(order * order);
  for (let i = 0; i < order; i++) v[i * order + i] = 1;
  for (let sweep = 0; sweep < SWEEPS_MAX && !isDiagonal(a, order); sweep++) {
    for (let p = 0; p < order; p++) {
      for (let q = p + 1; q < order; q++) annihilate(a, v, order, p, q);
    }
  }
  const positions = Array.from({ length: order }, (_, i) => i);
  positions.sort((i, j) => a[j * order + j] - a[i * order + i]);
  const vectors = new Float64Array(order * order);
  positions.forEach((from, to) => {
    for (let i = 0; i < order; i++) vectors[i * order + to] = v[from * order + i];
  });
  return { values: Float64Array.from(positions, (i) => a[i * order + i]), vectors };
}

function isDiagonal(a: Float64Array, order: number): boolean {
  let on = 0;
  let off = 0;
  for (let i = 0; i < order; i++) {
    on += a[i * order + i] ** 2;
    for (let j = 0; j < i; j++) off += 2 * a[i * order + j] ** 2;
  }
  return off <= TOLERANCE * on;
}

/** The rotation in the plane (p, q) that makes a_pq zero, on both sides of `a` and on the rows of `v`. */
function annihilate(a: Float64Array, v: Float64Array, order: number, p: number, q: number): void {
  const off = a[p * order + q];
  const [app, aqq] = [a[p * order + p], a[q * order + q]];
  if (off * off <= 1e-32 * Math.abs(app * aqq) || off === 0) return;
  const theta = (aqq - app) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < order; k++) {
    const [akp, akq] = [a[k * order + p], a[k * order + q]];
    a[k * order + p] = c * akp - s * akq;
    a[k * order + q] = s * akp + c * akq;
  }
  rotateRows(a, order, p, q, c, s);
  rotateRows(v, order, p, q, c, s);
}

function rotateRows(a: Float64Array, order: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0, i = p * order, j = q * order; k < order; k++, i++, j++) {
    const [ap, aq] = [a[i], a[j]];
    a[i] = c * ap - s * aq;
    a[j] = s * ap + c * aq;
  }
}
