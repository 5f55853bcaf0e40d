import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../../common/random.ts';
import { SlateAssembler, type SlateOrder } from './assembler.ts';
import { DppSelector } from './dpp.ts';
import { CosineSimilarity, type Similarity } from './similarity.ts';

/** A minor below this share of the one without its last row is 0. */
const SINGULAR = 1e-6;

/** By Gaussian elimination with partial pivoting. */
function determinant(matrix: number[][]): number {
  const rows = matrix.map((row) => [...row]);
  let product = 1;
  for (let i = 0; i < rows.length; i++) {
    let pivot = i;
    for (let r = i; r < rows.length; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[pivot][i])) pivot = r;
    if (rows[pivot][i] === 0) return 0;
    if (pivot !== i) product = -product;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    product *= rows[i][i];
    for (let r = i + 1; r < rows.length; r++) {
      const by = rows[r][i] / rows[i][i];
      for (let c = i; c < rows.length; c++) rows[r][c] -= by * rows[i][c];
    }
  }
  return product;
}

/**
 * The greedy of the definition: the row with the largest determinant of the kernel over the rows chosen and itself; once all
 * are 0, by utility. Rows that are in the span of the chosen ones when they are placed do not count for determinants.
 */
function byDeterminants(
  { items, utilities, pins }: SlateOrder,
  similarities: number[][],
  lambda: number,
  limit: number,
): number[] {
  const quality = (row: number) => Math.exp((lambda / (1 - lambda)) * utilities[row] * 0.5);
  const minor = (rows: number[]) => determinant(rows.map((a) => rows.map((b) => similarities[a][b])));
  const worth = (rows: number[]) =>
    determinant(rows.map((a) => rows.map((b) => quality(a) * similarities[a][b] * quality(b))));
  const slate: number[] = Array(Math.min(limit, items.length)).fill(-1);
  const basis: number[] = [];
  const place = (position: number, row: number) => {
    slate[position] = row;
    if (minor([...basis, row]) > SINGULAR * minor(basis)) basis.push(row);
  };
  for (let p = 0; p < slate.length; p++) if ((pins?.[p] ?? -1) >= 0) place(p, pins?.[p] ?? -1);
  for (let p = 0; p < slate.length; p++) {
    if (slate[p] >= 0) continue;
    const free = Array.from(items.keys()).filter((row) => !slate.includes(row));
    const regular = free.filter((row) => minor([...basis, row]) > SINGULAR * minor(basis));
    const value = (row: number) => (regular.length > 0 ? worth([...basis, row]) : utilities[row]);
    const among = regular.length > 0 ? regular : free;
    among.sort((a, b) => value(b) - value(a) || utilities[b] - utilities[a] || items[a] - items[b]);
    place(p, among[0]);
  }
  return slate;
}

/** Rows with random unit vectors of a subspace, some copies of earlier ones and some like nothing else. */
function scene(seed: number, count: number, rank: number) {
  const random = new Random(seed);
  const vectors: number[][] = [];
  for (let row = 0; row < count; row++) {
    const kind = random.int(8);
    const values = kind === 0 ? [] : Array.from({ length: rank }, () => random.normal());
    const norm = Math.hypot(...values);
    vectors.push(kind === 1 && row > 0 ? vectors[random.int(row)] : values.map((value) => value / norm));
  }
  const product = (a: number[], b: number[]) =>
    a.length === 0 || b.length === 0 ? 0 : a.reduce((sum, value, i) => sum + value * b[i], 0);
  const similarities = vectors.map((a, i) => vectors.map((b, j) => (i === j ? 1 : product(a, b))));
  const items = random.shuffle(Uint32Array.from({ length: count }, (_, item) => item));
  const utilities = Float64Array.from(items, () => random.next());
  const pins = random.int(2) === 0 ? new Int32Array(0) : Int32Array.of(-1, count > 2 ? 2 : -1);
  return { order: { items, utilities, pins }, similarities };
}

it('agrees with a greedy by determinants, over pins, rank-deficient kernels and duplicates, with memory reused', () => {
  const lambdas = [0, 0.3, 0.7, 0.9];
  const selectors = new Map(lambdas.map((lambda) => [lambda, new DppSelector(lambda)]));
  const assembler = new SlateAssembler();
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(),
        count: fc.integer({ min: 0, max: 14 }),
        rank: fc.integer({ min: 1, max: 8 }),
        limit: fc.integer({ min: 0, max: 10 }),
        lambda: fc.constantFrom(...lambdas),
      }),
      ({ seed, count, rank, limit, lambda }) => {
        const { order, similarities } = scene(seed, count, rank);
        const similarity: Similarity = { toRow: (row, out) => out.set(similarities[row]) };
        const { rows } = assembler.assemble(order, selectors.get(lambda)!, similarity, limit);
        expect([...rows]).toEqual(byDeterminants(order, similarities, lambda, limit));
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

it('shows no copy of a row before every row of its own is shown, unless utility is all', () => {
  const table = Float32Array.of(1, 0, 0, 1, 1, 0, 1, 1);
  const similarity = new CosineSimilarity(table, 2);
  const items = Uint32Array.of(0, 1, 2, 3);
  similarity.load(items);
  const order = { items, utilities: Float64Array.of(1, 0.1, 0.9, 0.2) };
  const rowsAt = (lambda: number) => [
    ...new SlateAssembler().assemble(order, new DppSelector(lambda), similarity, 4).rows,
  ];
  expect(rowsAt(0.5)).toEqual([0, 1, 2, 3]);
  expect(rowsAt(1)).toEqual([0, 2, 3, 1]);
});
