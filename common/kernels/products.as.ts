/**
 * Dense and sparse products in 128-bit SIMD (AssemblyScript). Pointers are byte offsets into the one memory, every one a
 * multiple of 4; tables are row-major float32. A matrix "in panels" holds `width` columns as ⌈width / 8⌉ panels of 8
 * columns, each panel row-major: element (i, j) of a matrix of `rows` rows stands at ((j / 8) · rows + i) · 8 + j mod 8.
 * Kernels that share work take the next task from `counter`, zero before the call, until none is left: every element is
 * computed by one task in a fixed order, so that the number of threads does not change a bit.
 */

const PANEL_BYTES: usize = 32;

/** Sum of the lanes. */
export function laneSum(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 2) +
    (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

/** Σ a[i] · b[i]; `count` is a multiple of 8. */
export function innerProduct(a: usize, b: usize, count: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  const end = a + (count << 2);
  for (; a < end; a += 32, b += 32) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
  }
  return laneSum(f32x4.add(s0, s1));
}

/** y += scale · x; `count` is a multiple of 8. */
export function axpy(scale: f32, x: usize, y: usize, count: usize): void {
  const s = f32x4.splat(scale);
  const end = x + (count << 2);
  for (; x < end; x += 32, y += 32) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(s, v128.load(x))));
    v128.store(y, f32x4.add(v128.load(y, 16), f32x4.mul(s, v128.load(x, 16))), 16);
  }
}

/**
 * The product of four rows with a matrix in panels: out[r, 8 · panel + c] = Σ_i rows[r, i] · panels[i, 8 · panel + c]. `dim`:
 * length of a row; strides in elements.
 */
export function fourRowsByPanels(
  rows: usize,
  rowStride: usize,
  panels: usize,
  panelCount: usize,
  dim: usize,
  out: usize,
  outStride: usize,
): void {
  const step = rowStride << 2;
  for (let panel: usize = 0; panel < panelCount; panel++) {
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let d0 = f32x4.splat(0);
    let d1 = f32x4.splat(0);
    let a = rows;
    let b = a + step;
    let c = b + step;
    let d = c + step;
    const end = panels + dim * PANEL_BYTES;
    for (; panels < end; panels += PANEL_BYTES, a += 4, b += 4, c += 4, d += 4) {
      const p0 = v128.load(panels);
      const p1 = v128.load(panels, 16);
      const va = v128.load32_splat(a);
      a0 = f32x4.add(a0, f32x4.mul(va, p0));
      a1 = f32x4.add(a1, f32x4.mul(va, p1));
      const vb = v128.load32_splat(b);
      b0 = f32x4.add(b0, f32x4.mul(vb, p0));
      b1 = f32x4.add(b1, f32x4.mul(vb, p1));
      const vc = v128.load32_splat(c);
      c0 = f32x4.add(c0, f32x4.mul(vc, p0));
      c1 = f32x4.add(c1, f32x4.mul(vc, p1));
      const vd = v128.load32_splat(d);
      d0 = f32x4.add(d0, f32x4.mul(vd, p0));
      d1 = f32x4.add(d1, f32x4.mul(vd, p1));
    }
    const stride = outStride << 2;
    let to = out + panel * PANEL_BYTES;
    v128.store(to, a0);
    v128.store(to, a1, 16);
    to += stride;
    v128.store(to, b0);
    v128.store(to, b1, 16);
    to += stride;
    v128.store(to, c0);
    v128.store(to, c1, 16);
    to += stride;
    v128.store(to, d0);
    v128.store(to, d1, 16);
  }
}

/** Rows of a product with panels that are one task. */
const PRODUCT_ROWS: usize = 16;

/** out[r, j] = row r of `vectors` · column j of the panels, for `rows` rows, a multiple of 4. */
export function panelProducts(
  vectors: usize,
  rows: usize,
  panels: usize,
  panelCount: usize,
  dim: usize,
  out: usize,
  counter: usize,
): void {
  const width = panelCount << 3;
  for (;;) {
    const start = <usize>atomic.add<i32>(counter, 1) * PRODUCT_ROWS;
    if (start >= rows) return;
    const end = min(rows, start + PRODUCT_ROWS);
    for (let row = start; row < end; row += 4) {
      const from = vectors + ((row * dim) << 2);
      fourRowsByPanels(from, dim, panels, panelCount, dim, out + ((row * width) << 2), width);
    }
  }
}

/** out[r] = `vector` · row r of `table`; `dim` is a multiple of 8. */
export function rowProducts(vector: usize, table: usize, rows: usize, dim: usize, out: usize): void {
  const stride = dim << 2;
  for (let r: usize = 0; r < rows; r++) {
    store<f32>(out + (r << 2), innerProduct(vector, table + r * stride, dim));
  }
}

/** Rows of the table that are added up at a time, so that they stay in the cache. */
const GRAMIAN_ROWS: usize = 64;

/** The Gramian of a table, tableᵀ table, in panels: a task is a panel. `dim` is a multiple of 8. */
export function gramian(table: usize, rows: usize, dim: usize, out: usize, counter: usize): void {
  const panelCount = dim >> 3;
  for (;;) {
    const panel = <usize>atomic.add<i32>(counter, 1);
    if (panel >= panelCount) return;
    const to = out + panel * dim * PANEL_BYTES;
    memory.fill(to, 0, dim * PANEL_BYTES);
    for (let from: usize = 0; from < rows; from += GRAMIAN_ROWS) {
      const count = min(GRAMIAN_ROWS, rows - from);
      addToPanel(table + ((from * dim) << 2), count, dim, panel, to);
    }
  }
}

/** Adds what `rows` rows of the table give to one panel of the Gramian. */
function addToPanel(table: usize, rows: usize, dim: usize, panel: usize, out: usize): void {
  const stride = dim << 2;
  for (let i: usize = 0; i < dim; i += 4, out += 4 * PANEL_BYTES) {
    let a0 = v128.load(out);
    let a1 = v128.load(out, 16);
    let b0 = v128.load(out, 32);
    let b1 = v128.load(out, 48);
    let c0 = v128.load(out, 64);
    let c1 = v128.load(out, 80);
    let d0 = v128.load(out, 96);
    let d1 = v128.load(out, 112);
    let left = table + (i << 2);
    let right = table + panel * PANEL_BYTES;
    const end = left + rows * stride;
    for (; left < end; left += stride, right += stride) {
      const p0 = v128.load(right);
      const p1 = v128.load(right, 16);
      const va = v128.load32_splat(left);
      a0 = f32x4.add(a0, f32x4.mul(va, p0));
      a1 = f32x4.add(a1, f32x4.mul(va, p1));
      const vb = v128.load32_splat(left, 4);
      b0 = f32x4.add(b0, f32x4.mul(vb, p0));
      b1 = f32x4.add(b1, f32x4.mul(vb, p1));
      const vc = v128.load32_splat(left, 8);
      c0 = f32x4.add(c0, f32x4.mul(vc, p0));
      c1 = f32x4.add(c1, f32x4.mul(vc, p1));
      const vd = v128.load32_splat(left, 12);
      d0 = f32x4.add(d0, f32x4.mul(vd, p0));
      d1 = f32x4.add(d1, f32x4.mul(vd, p1));
    }
    v128.store(out, a0);
    v128.store(out, a1, 16);
    v128.store(out, b0, 32);
    v128.store(out, b1, 48);
    v128.store(out, c0, 64);
    v128.store(out, c1, 80);
    v128.store(out, d0, 96);
    v128.store(out, d1, 112);
  }
}

/** Rows of a sparse product that are one task. */
const SPARSE_ROWS: usize = 64;

/**
 * A sparse matrix times a table: out[r] = Σ weights[e] · table[columns[e]] over the entries of row r, whose first and end stand at
 * bounds + r · boundsStep (bytes): a step of 4 reads offsets of compressed rows, one of 8 pairs. `dim`, the width of table and
 * out, is a multiple of 4. Work goes by 32 columns of 64 rows, so that a slice of a wide table stays in the cache.
 */
export function sparseProduct(
  bounds: usize,
  boundsStep: usize,
  columns: usize,
  weights: usize,
  rows: usize,
  table: usize,
  dim: usize,
  out: usize,
  counter: usize,
): void {
  const bytes = dim << 2;
  for (;;) {
    const start = <usize>atomic.add<i32>(counter, 1) * SPARSE_ROWS;
    if (start >= rows) return;
    const end = min(rows, start + SPARSE_ROWS);
    let at: usize = 0;
    for (; at + 128 <= bytes; at += 128) {
      for (let row = start; row < end; row++) {
        sparseRow32(bounds + row * boundsStep, columns, weights, table + at, bytes, out + row * bytes + at);
      }
    }
    for (; at < bytes; at += 16) {
      for (let row = start; row < end; row++) {
        sparseRow4(bounds + row * boundsStep, columns, weights, table + at, bytes, out + row * bytes + at);
      }
    }
  }
}

function sparseRow32(
  bounds: usize,
  columns: usize,
  weights: usize,
  table: usize,
  stride: usize,
  out: usize,
): void {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let s4 = f32x4.splat(0);
  let s5 = f32x4.splat(0);
  let s6 = f32x4.splat(0);
  let s7 = f32x4.splat(0);
  const end = (<usize>load<u32>(bounds, 4)) << 2;
  for (let e = (<usize>load<u32>(bounds)) << 2; e < end; e += 4) {
    const from = table + <usize>load<u32>(columns + e) * stride;
    const w = v128.load32_splat(weights + e);
    s0 = f32x4.add(s0, f32x4.mul(w, v128.load(from)));
    s1 = f32x4.add(s1, f32x4.mul(w, v128.load(from, 16)));
    s2 = f32x4.add(s2, f32x4.mul(w, v128.load(from, 32)));
    s3 = f32x4.add(s3, f32x4.mul(w, v128.load(from, 48)));
    s4 = f32x4.add(s4, f32x4.mul(w, v128.load(from, 64)));
    s5 = f32x4.add(s5, f32x4.mul(w, v128.load(from, 80)));
    s6 = f32x4.add(s6, f32x4.mul(w, v128.load(from, 96)));
    s7 = f32x4.add(s7, f32x4.mul(w, v128.load(from, 112)));
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
}

function sparseRow4(
  bounds: usize,
  columns: usize,
  weights: usize,
  table: usize,
  stride: usize,
  out: usize,
): void {
  let s = f32x4.splat(0);
  const end = (<usize>load<u32>(bounds, 4)) << 2;
  for (let e = (<usize>load<u32>(bounds)) << 2; e < end; e += 4) {
    const from = table + <usize>load<u32>(columns + e) * stride;
    s = f32x4.add(s, f32x4.mul(v128.load32_splat(weights + e), v128.load(from)));
  }
  v128.store(out, s);
}
