/** Bytes of one feature's histogram: 256 bins of four 32-bit integers. */
const HISTOGRAM_BYTES: usize = 4096;

/**
 * Histograms of `count` rows over four features at a time: the bin of feature 4 g + j of a row is byte j of the little-endian word
 * bins[g · stride + row]. Adds `terms[i]`, four int32, to that bin of row `rows[i]` in `out`, [4 · groups, 256] of four int32,
 * which need not be clear before, and subtracts the outcome from `whole`, of the same shape, unless that is 0. A task is a group
 * of four features.
 */
export function histograms(
  bins: usize,
  stride: usize,
  groups: usize,
  rows: usize,
  count: usize,
  terms: usize,
  out: usize,
  whole: usize,
  counter: usize,
): void {
  const end = rows + (count << 2);
  for (;;) {
    const group = <usize>atomic.add<i32>(counter, 1);
    if (group >= groups) return;
    const words = bins + ((group * stride) << 2);
    const a = out + group * HISTOGRAM_BYTES * 4;
    const b = a + HISTOGRAM_BYTES;
    const c = b + HISTOGRAM_BYTES;
    const d = c + HISTOGRAM_BYTES;
    memory.fill(a, 0, HISTOGRAM_BYTES * 4);
    let term = terms;
    for (let row = rows; row < end; row += 4, term += 16) {
      const word = <usize>load<u32>(words + ((<usize>load<u32>(row)) << 2));
      const v = v128.load(term);
      const atA = a + ((word & 255) << 4);
      v128.store(atA, i32x4.add(v128.load(atA), v));
      const atB = b + ((word >> 4) & 0xff0);
      v128.store(atB, i32x4.add(v128.load(atB), v));
      const atC = c + ((word >> 12) & 0xff0);
      v128.store(atC, i32x4.add(v128.load(atC), v));
      const atD = d + ((word >> 20) & 0xff0);
      v128.store(atD, i32x4.add(v128.load(atD), v));
    }
    if (whole === 0) continue;
    let rest = whole + group * HISTOGRAM_BYTES * 4;
    for (let at = a; at < d + HISTOGRAM_BYTES; at += 16, rest += 16)
      v128.store(rest, i32x4.sub(v128.load(rest), v128.load(at)));
  }
}
