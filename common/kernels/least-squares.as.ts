/** Row solves of alternating least squares by conjugate gradient (Takács, Pilászy, Tikk 2011), four rows at a time. */
import { axpy, fourRowsByPanels, innerProduct, laneSum } from './products.as';

/** Rows that are one task: a multiple of 4. */
const TASK_ROWS: usize = 16;

/** Below this squared residual a row is solved. */
const SOLVED: f32 = 1e-18;

/**
 * Improves every row x of `out` as a minimiser of Σ_e c_e (h_e · x)² − 2 Σ_e b_e (h_e · x) + xᵀ G x + λ ‖x‖² by up to `steps`
 * conjugate gradient steps, h_e a row of `table`, e the row's entries in compressed rows, λ its `ridges`. `curvatures` is c
 * and `pulls` is b, one an entry. G is in panels and may be absent (0). A row without entries becomes zero. `out` has rows
 * up to a multiple of 4. `dim` is a multiple of 8. `scratch`: 12 · dim floats for each thread.
 */
export function leastSquaresRows(
  offsets: usize,
  columns: usize,
  curvatures: usize,
  pulls: usize,
  ridges: usize,
  rows: usize,
  table: usize,
  gramian: usize,
  dim: usize,
  steps: i32,
  out: usize,
  scratch: usize,
  counter: usize,
  thread: usize,
): void {
  const own = scratch + thread * 12 * (dim << 2);
  for (;;) {
    const start = <usize>atomic.add<i32>(counter, 1) * TASK_ROWS;
    if (start >= rows) return;
    const end = min(rows, start + TASK_ROWS);
    for (let row = start; row < end; row += 4) {
      const count = min<usize>(4, rows - row);
      const bounds = offsets + (row << 2);
      const ridge = ridges + (row << 2);
      const x = out + ((row * dim) << 2);
      solveFour(bounds, columns, curvatures, pulls, ridge, count, table, gramian, dim, steps, x, own);
    }
  }
}

function solveFour(
  bounds: usize,
  columns: usize,
  curvatures: usize,
  pulls: usize,
  ridges: usize,
  count: usize,
  table: usize,
  gramian: usize,
  dim: usize,
  steps: i32,
  out: usize,
  scratch: usize,
): void {
  const bytes = dim << 2;
  const images = scratch;
  const residuals = images + 4 * bytes;
  const directions = residuals + 4 * bytes;
  clearEmpty(bounds, count, bytes, out);
  imagesOf(out, gramian, dim, images);
  for (let r: usize = 0; r < count; r++) {
    const from = (<usize>load<u32>(bounds + (r << 2))) << 2;
    const end = (<usize>load<u32>(bounds + (r << 2), 4)) << 2;
    const x = out + r * bytes;
    const image = images + r * bytes;
    axpy(load<f32>(ridges + (r << 2)), x, image, dim);
    negate(image, residuals + r * bytes, bytes);
    addPulls(x, columns, curvatures, pulls, from, end, table, dim, residuals + r * bytes);
  }
  memory.copy(directions, residuals, count * bytes);
  memory.fill(directions + count * bytes, 0, (4 - count) * bytes);
  for (let step = 0; step < steps; step++) {
    imagesOf(directions, gramian, dim, images);
    for (let r: usize = 0; r < count; r++) {
      const from = (<usize>load<u32>(bounds + (r << 2))) << 2;
      const end = (<usize>load<u32>(bounds + (r << 2), 4)) << 2;
      const direction = directions + r * bytes;
      const image = images + r * bytes;
      axpy(load<f32>(ridges + (r << 2)), direction, image, dim);
      addCurvature(direction, columns, curvatures, from, end, table, dim, image);
      descend(out + r * bytes, residuals + r * bytes, direction, image, dim);
    }
  }
}

function clearEmpty(bounds: usize, count: usize, bytes: usize, out: usize): void {
  for (let r: usize = 0; r < count; r++) {
    if (load<u32>(bounds + (r << 2)) === load<u32>(bounds + (r << 2), 4))
      memory.fill(out + r * bytes, 0, bytes);
  }
}

function imagesOf(vectors: usize, gramian: usize, dim: usize, images: usize): void {
  if (gramian === 0) memory.fill(images, 0, dim << 4);
  else fourRowsByPanels(vectors, dim, gramian, dim >> 3, dim, images, dim);
}

function negate(from: usize, to: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, f32x4.neg(v128.load(from + at)));
}

/** One conjugate gradient step of one row, given the image of its direction; nothing where it is solved. */
function descend(x: usize, residual: usize, direction: usize, image: usize, dim: usize): void {
  const squared = innerProduct(residual, residual, dim);
  if (squared <= SOLVED) return;
  const rate = squared / innerProduct(direction, image, dim);
  axpy(rate, direction, x, dim);
  axpy(-rate, image, residual, dim);
  const ratio = f32x4.splat(innerProduct(residual, residual, dim) / squared);
  const bytes = dim << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    const p = f32x4.add(v128.load(residual + at), f32x4.mul(ratio, v128.load(direction + at)));
    v128.store(direction + at, p);
  }
}

/** target += Σ_e (b_e − c_e (h_e · x)) h_e. `from` and `end` count bytes. */
function addPulls(
  x: usize,
  columns: usize,
  curvatures: usize,
  pulls: usize,
  from: usize,
  end: usize,
  table: usize,
  dim: usize,
  target: usize,
): void {
  const bytes = dim << 2;
  for (let e = from; e < end; e += 4) {
    const h = table + <usize>load<u32>(columns + e) * bytes;
    const scale = load<f32>(pulls + e) - load<f32>(curvatures + e) * innerProduct(h, x, dim);
    axpy(scale, h, target, dim);
  }
}

/** target += Σ_e c_e (h_e · x) h_e, four entries at a time. `from` and `end` count bytes. */
function addCurvature(
  x: usize,
  columns: usize,
  curvatures: usize,
  from: usize,
  end: usize,
  table: usize,
  dim: usize,
  target: usize,
): void {
  const bytes = dim << 2;
  let e = from;
  for (; e + 12 < end; e += 16) {
    const h0 = table + <usize>load<u32>(columns + e) * bytes;
    const h1 = table + <usize>load<u32>(columns + e, 4) * bytes;
    const h2 = table + <usize>load<u32>(columns + e, 8) * bytes;
    const h3 = table + <usize>load<u32>(columns + e, 12) * bytes;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) {
      const v = v128.load(x + at);
      s0 = f32x4.add(s0, f32x4.mul(v, v128.load(h0 + at)));
      s1 = f32x4.add(s1, f32x4.mul(v, v128.load(h1 + at)));
      s2 = f32x4.add(s2, f32x4.mul(v, v128.load(h2 + at)));
      s3 = f32x4.add(s3, f32x4.mul(v, v128.load(h3 + at)));
    }
    s0 = f32x4.splat(load<f32>(curvatures + e) * laneSum(s0));
    s1 = f32x4.splat(load<f32>(curvatures + e, 4) * laneSum(s1));
    s2 = f32x4.splat(load<f32>(curvatures + e, 8) * laneSum(s2));
    s3 = f32x4.splat(load<f32>(curvatures + e, 12) * laneSum(s3));
    for (let at: usize = 0; at < bytes; at += 16) {
      const left = f32x4.add(f32x4.mul(s0, v128.load(h0 + at)), f32x4.mul(s1, v128.load(h1 + at)));
      const right = f32x4.add(f32x4.mul(s2, v128.load(h2 + at)), f32x4.mul(s3, v128.load(h3 + at)));
      v128.store(target + at, f32x4.add(v128.load(target + at), f32x4.add(left, right)));
    }
  }
  for (; e < end; e += 4) {
    const h = table + <usize>load<u32>(columns + e) * bytes;
    axpy(load<f32>(curvatures + e) * innerProduct(h, x, dim), h, target, dim);
  }
}
