import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../common/random.ts';
import { SlateAssembler, type SlateOrder } from './assembler.ts';
import { MmrSelector } from './mmr.ts';
import { CosineSimilarity, type Similarity } from './similarity.ts';

interface MmrCase {
  relevance: number[];
  similarity: number[][];
  lambda_: number;
  k: number;
  order: number[];
}

const vectors = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/diversity/mmr.json');
const reason = existsSync(vectors) ? '' : ` (skipped: ${vectors} is absent)`;
const cases: MmrCase[] = reason === '' ? JSON.parse(readFileSync(vectors, 'utf8')).cases : [];

const DIMENSIONS = 5;
const ITEMS = 40;

function fromMatrix(matrix: number[][]): Similarity {
  return { toRow: (row, out) => out.set(matrix[row]) };
}

function ordinals(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/** A table of embeddings of which some are equal and one is zero, and candidates from it in random order. */
function scene(seed: number, count: number) {
  const random = new Random(seed);
  const table = Float32Array.from({ length: ITEMS * DIMENSIONS }, () => Math.round(random.normal() * 2));
  table.fill(0, 0, DIMENSIONS);
  const items = random.shuffle(ordinals(ITEMS)).slice(0, count);
  const utilities = Float32Array.from({ length: count }, () => random.int(8) / 8 - 0.5);
  const pins = Int32Array.of(-1, count > 0 ? 0 : -1, -1, count > 3 ? 3 : -1);
  const similarity = new CosineSimilarity(table, DIMENSIONS);
  similarity.load(items);
  return { order: { items, utilities, pins }, similarity };
}

function matrixOf(similarity: Similarity, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, row) => {
    const out = new Float64Array(count);
    similarity.toRow(row, out);
    return out;
  });
}

/** The definition, written down without haste. */
function byDefinition(
  { items, utilities, pins }: SlateOrder,
  matrix: ArrayLike<number>[],
  lambda: number,
  limit: number,
): number[] {
  const slate: number[] = Array(Math.min(limit, items.length)).fill(-1);
  for (let p = 0; p < slate.length; p++) slate[p] = pins?.[p] ?? -1;
  for (let p = 0; p < slate.length; p++) {
    if (slate[p] >= 0) continue;
    const chosen = slate.filter((row) => row >= 0);
    const free = Array.from(items.keys()).filter((row) => !chosen.includes(row));
    const worth = (row: number) => {
      const redundancy = chosen.length === 0 ? 0 : Math.max(...chosen.map((other) => matrix[other][row]));
      return lambda * utilities[row] - (1 - lambda) * redundancy;
    };
    free.sort((a, b) => worth(b) - worth(a) || items[a] - items[b]);
    slate[p] = free[0] ?? -1;
  }
  return slate.filter((row) => row >= 0);
}

it.skipIf(reason !== '')(`chooses the orders of the MMR vectors${reason}`, () => {
  for (const { relevance, similarity, lambda_, k, order } of cases) {
    const rows = { items: ordinals(relevance.length), utilities: Float64Array.from(relevance) };
    const selector = new MmrSelector(lambda_);
    const slate = new SlateAssembler().assemble(rows, selector, fromMatrix(similarity), k);
    expect([...slate.rows], `${relevance.length} rows, lambda ${lambda_}`).toEqual(order);
  }
  expect(cases.length).toBe(15);
});

describe('selection', () => {
  const lambdas = [0, 0.25, 0.5, 0.875, 1];
  const assembler = new SlateAssembler();
  const setting = {
    seed: fc.nat(),
    count: fc.integer({ min: 0, max: 25 }),
    limit: fc.integer({ min: 0, max: 30 }),
  };

  it('agrees with the definition, over pins, with memory reused', () => {
    const selectors = new Map(lambdas.map((lambda) => [lambda, new MmrSelector(lambda)]));
    fc.assert(
      fc.property(
        fc.record({ ...setting, lambda: fc.constantFrom(...lambdas) }),
        ({ seed, count, limit, lambda }) => {
          const { order, similarity } = scene(seed, count);
          const slate = assembler.assemble(order, selectors.get(lambda)!, similarity, limit);
          const expected = byDefinition(order, matrixOf(similarity, count), lambda, limit);
          expect([...slate.rows]).toEqual(expected);
          expect(slate.unmet).toEqual([]);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it('at lambda 1 keeps the order of the utilities, equal ones by ordinal', () => {
    fc.assert(
      fc.property(fc.record(setting), ({ seed, count, limit }) => {
        const { order, similarity } = scene(seed, count);
        const { items, utilities } = order;
        const sorted = [...ordinals(count)].sort(
          (a, b) => utilities[b] - utilities[a] || items[a] - items[b],
        );
        const slate = assembler.assemble({ items, utilities }, new MmrSelector(1), similarity, limit);
        expect([...slate.rows]).toEqual(sorted.slice(0, limit));
      }),
      { seed: 1 },
    );
  });

  it('near lambda 1 reorders only rows of nearly equal utility', () => {
    const lambda = 0.9;
    const reach = ((1 - lambda) / lambda) * 2 + 1e-6;
    fc.assert(
      fc.property(fc.record(setting), ({ seed, count, limit }) => {
        const { order, similarity } = scene(seed, count);
        const { items, utilities } = order;
        const { rows } = assembler.assemble({ items, utilities }, new MmrSelector(lambda), similarity, limit);
        for (let i = 1; i < rows.length; i++)
          expect(utilities[rows[i]] - utilities[rows[i - 1]]).toBeLessThanOrEqual(reach);
      }),
      { seed: 1 },
    );
  });
});

it('cosine similarity: 1 to itself and to a multiple, 0 to an item without an embedding', () => {
  const similarity = new CosineSimilarity(Float32Array.of(3, 4, 0, 6, 8, 0, -4, 3, 0, 0, 0, 0), 3);
  similarity.load(Uint32Array.of(0, 1, 2, 3, 4, 1_000_000));
  const out = new Float64Array(6);
  similarity.toRow(0, out);
  const expected = [1, 1, 0, 0, 0, 0];
  for (let row = 0; row < 6; row++) expect(out[row]).toBeCloseTo(expected[row], 6);
});
