import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../common/random.ts';
import { MmrSelector, type SlateCandidates } from './mmr.ts';
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
  const scores = Float32Array.from({ length: count }, () => random.int(8) / 8 - 0.5);
  const excluded = Uint8Array.from({ length: count }, () => (random.int(6) === 0 ? 1 : 0));
  const free = Array.from(ordinals(count)).filter((row) => excluded[row] === 0);
  const pins = Int32Array.of(-1, free[0] ?? -1, -1, free[3] ?? -1);
  const similarity = new CosineSimilarity(table, DIMENSIONS);
  similarity.load(items);
  return { items, scores, excluded, pins, similarity };
}

function matrixOf(similarity: Similarity, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, row) => {
    const out = new Float64Array(count);
    similarity.toRow(row, out);
    return out;
  });
}

/** The definition, written down without haste; `relevance` is used as it is. */
function byDefinition(
  candidates: SlateCandidates,
  relevance: number[],
  matrix: ArrayLike<number>[],
  lambda: number,
  limit: number,
): number[] {
  const slate: number[] = Array(Math.min(limit, relevance.length)).fill(-1);
  for (let p = 0; p < slate.length; p++) slate[p] = candidates.pins?.[p] ?? -1;
  for (let p = 0; p < slate.length; p++) {
    if (slate[p] >= 0) continue;
    const chosen = slate.filter((row) => row >= 0);
    const free = relevance
      .map((_, row) => row)
      .filter((row) => candidates.excluded?.[row] !== 1 && !chosen.includes(row));
    const worth = (row: number) => {
      const redundancy = chosen.length === 0 ? 0 : Math.max(...chosen.map((other) => matrix[other][row]));
      return lambda * relevance[row] - (1 - lambda) * redundancy;
    };
    free.sort((a, b) => worth(b) - worth(a) || candidates.items[a] - candidates.items[b]);
    slate[p] = free[0] ?? -1;
  }
  return slate.filter((row) => row >= 0);
}

it.skipIf(reason !== '')(`chooses the orders of the MMR vectors${reason}`, () => {
  for (const one of cases) {
    const selector = new MmrSelector({ lambda: one.lambda_, relevance: 'none' });
    const candidates = { items: ordinals(one.relevance.length), scores: Float64Array.from(one.relevance) };
    const { rows } = selector.select(candidates, fromMatrix(one.similarity), one.k);
    expect([...rows], `${one.relevance.length} rows, lambda ${one.lambda_}`).toEqual(one.order);
  }
  expect(cases.length).toBe(15);
});

describe('selection', () => {
  const lambdas = fc.constantFrom(0, 0.25, 0.5, 0.875, 1);
  const setting = {
    seed: fc.nat(),
    count: fc.integer({ min: 0, max: 25 }),
    limit: fc.integer({ min: 0, max: 30 }),
  };

  it('agrees with the definition, over pins and excluded rows, with memory reused', () => {
    const selectors = new Map(
      [0, 0.25, 0.5, 0.875, 1].map((lambda) => [lambda, new MmrSelector({ lambda, relevance: 'none' })]),
    );
    fc.assert(
      fc.property(fc.record({ ...setting, lambda: lambdas }), ({ seed, count, limit, lambda }) => {
        const { similarity, ...candidates } = scene(seed, count);
        const { rows, scores, relaxed } = selectors.get(lambda)!.select(candidates, similarity, limit);
        const expected = byDefinition(
          candidates,
          [...candidates.scores],
          matrixOf(similarity, count),
          lambda,
          limit,
        );
        expect([...rows]).toEqual(expected);
        expect(scores.every(Number.isFinite) && scores.length === rows.length).toBe(true);
        expect(relaxed).toBe(0);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('at lambda 1 keeps the order of the scores, equal ones by ordinal', () => {
    fc.assert(
      fc.property(fc.record(setting), ({ seed, count, limit }) => {
        const { items, scores, similarity } = scene(seed, count);
        const sorted = [...ordinals(count)].sort((a, b) => scores[b] - scores[a] || items[a] - items[b]);
        const selector = new MmrSelector({ lambda: 1, relevance: 'min-max' });
        expect([...selector.select({ items, scores }, similarity, limit).rows]).toEqual(
          sorted.slice(0, limit),
        );
      }),
      { seed: 1 },
    );
  });

  it('normalised by min-max does not depend on the scale of the scores', () => {
    fc.assert(
      fc.property(fc.record({ ...setting, lambda: lambdas }), ({ seed, count, limit, lambda }) => {
        const { items, scores, excluded, similarity } = scene(seed, count);
        const selector = new MmrSelector({ lambda, relevance: 'min-max' });
        const slate = [...selector.select({ items, scores, excluded }, similarity, limit).rows];
        const stretched = scores.map((score) => score * 16 - 3);
        expect([...selector.select({ items, scores: stretched, excluded }, similarity, limit).rows]).toEqual(
          slate,
        );
      }),
      { seed: 1 },
    );
  });

  it('near lambda 1 reorders only rows of nearly equal relevance', () => {
    const lambda = 0.9;
    const reach = ((1 - lambda) / lambda) * 2 + 1e-6;
    fc.assert(
      fc.property(fc.record(setting), ({ seed, count, limit }) => {
        const { items, scores, similarity } = scene(seed, count);
        const { rows } = new MmrSelector({ lambda, relevance: 'none' }).select(
          { items, scores },
          similarity,
          limit,
        );
        for (let i = 1; i < rows.length; i++)
          expect(scores[rows[i]] - scores[rows[i - 1]]).toBeLessThanOrEqual(reach);
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
