import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import hnswlib from 'hnswlib-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { createIndex, EXACT_ROWS_MAX, indexDefaults } from './create-index.ts';
import { ExactIndex } from './exact.ts';
import { HnswIndex, hnswDefaults } from './hnsw.ts';
import type { VectorIndex } from './index-types.ts';
import { type Space, VectorTable } from './vectors.ts';

const SHARED = resolve(process.env.MILLRACE_SHARED ?? '../shared');
const DIGITS = join(SHARED, 'vectors/ann');
const GLOVE = join(SHARED, 'data/ann_glove100');
const SPACES: Space[] = ['l2', 'cosine', 'ip'];

function floats(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(bytes.slice().buffer);
}

function clustered(random: Random, rows: number, dim: number, clusters = 8): Float32Array<ArrayBuffer> {
  const centres = Float32Array.from({ length: clusters * dim }, () => random.normal());
  const vectors = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = random.int(clusters) * dim;
    for (let i = 0; i < dim; i++) vectors[row * dim + i] = centres[centre + i] + random.normal();
  }
  return vectors;
}

/** Rows by double-precision score, best first, ties by row. */
function brute(vectors: Float32Array, dim: number, space: Space, query: Float32Array, k: number): number[] {
  const rows = Array.from({ length: vectors.length / dim }, (_, row) => row);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const scores = rows.map((row) => {
    const vector = vectors.subarray(row * dim, (row + 1) * dim);
    if (space === 'ip') return dot(query, vector);
    if (space === 'l2') return 2 * dot(query, vector) - dot(vector, vector);
    return dot(query, vector) / Math.sqrt(dot(vector, vector) * dot(query, query) || 1);
  });
  return rows.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, k);
}

/** Share of the true first ten that the index has among its first ten. */
async function recallAt10(index: VectorIndex, queries: Float32Array, truth: Int32Array): Promise<number> {
  const count = queries.length / index.dim;
  const stride = truth.length / count;
  let hits = 0;
  for (let i = 0; i < count; i++) {
    const { rows } = await index.search(queries.slice(i * index.dim, (i + 1) * index.dim), 10);
    const expected = new Set(truth.subarray(i * stride, i * stride + 10));
    for (const row of rows) if (expected.has(row)) hits++;
  }
  return hits / (10 * count);
}

describe.skipIf(!existsSync(DIGITS))(`digits (needs ${DIGITS})`, () => {
  test.each(SPACES)('%s: exact finds all, HNSW .99 of the true first ten', async (space) => {
    const base = floats(readFileSync(join(DIGITS, 'digits.base.f32')));
    const queries = floats(readFileSync(join(DIGITS, 'digits.query.f32')));
    const truth = new Int32Array(readFileSync(join(DIGITS, `digits.gt20.${space}.i32`)).slice().buffer);
    const exact = await createIndex(base, 64, space);
    const hnsw = await createIndex(base, 64, space, { ...indexDefaults, kind: 'hnsw' });
    expect([exact.kind, hnsw.kind]).toEqual(['exact', 'hnsw']);
    // One l2 query has a tie at rank 10, which the truth breaks in its own way.
    expect(await recallAt10(exact, queries, truth)).toBeGreaterThanOrEqual(0.999);
    expect(await recallAt10(hnsw, queries, truth)).toBeGreaterThanOrEqual(0.99);
  });
});

describe.skipIf(!existsSync(GLOVE))(`word vectors (needs ${GLOVE})`, () => {
  const load = (name: string) => gunzipSync(readFileSync(join(GLOVE, name)));

  test.each(['cosine', 'ip', 'l2'] as const)(
    '%s: exact agrees with the published truth on 50,000 rows',
    async (space) => {
      const index = await createIndex(floats(load('base_50000x100.f32.gz')), 100, space, {
        ...indexDefaults,
        kind: 'exact',
      });
      const queries = floats(load('query_1000x100.f32.gz')).slice(0, 100 * 100);
      const truth = new Int32Array(load(`gt_${space}_1000x100.i32.gz`).slice().buffer).slice(0, 100 * 100);
      expect(await recallAt10(index, queries, truth)).toBeGreaterThanOrEqual(0.999);
    },
  );

  test('cosine: HNSW finds .95 of the true first ten among the 8,000 most frequent words', async () => {
    const base = floats(load('base_50000x100.f32.gz')).slice(0, 8000 * 100);
    const queries = floats(load('query_1000x100.f32.gz')).slice(0, 100 * 100);
    const exact = await createIndex(base, 100, 'cosine', { ...indexDefaults, kind: 'exact' });
    const truth = new Int32Array(100 * 10);
    for (let i = 0; i < 100; i++) {
      truth.set((await exact.search(queries.slice(i * 100, (i + 1) * 100), 10)).rows, i * 10);
    }
    const hnsw = await createIndex(base, 100, 'cosine', { ...indexDefaults, kind: 'hnsw' });
    expect(await recallAt10(hnsw, queries, truth)).toBeGreaterThanOrEqual(0.95);
  });
});

describe.each(SPACES)('%s', (space) => {
  const dim = 12;
  const vectors = clustered(new Random(1), 600, dim);
  // Rows 100 to 104 repeat row 7, row 200 is zero, and norms differ by powers of two.
  for (let row = 100; row < 105; row++) vectors.copyWithin(row * dim, 7 * dim, 8 * dim);
  vectors.fill(0, 200 * dim, 201 * dim);
  for (let at = 300 * dim; at < 600 * dim; at++) vectors[at] *= 2 ** ((at / dim) & 3);
  const kept = vectors.slice();
  const queries = clustered(new Random(2), 30, dim);

  test('both kinds agree with the definition, scores and ties included, and leave their input alone', async () => {
    const exact = await createIndex(vectors, dim, space);
    const hnsw = await createIndex(vectors, dim, space, {
      kind: 'hnsw',
      hnsw: { ...hnswDefaults, efSearch: 600, m: 32 },
    });
    for (let i = 0; i < 30; i++) {
      const query = queries.slice(i * dim, (i + 1) * dim);
      const found = await exact.search(query, 40);
      expect([...found.rows]).toEqual(brute(vectors, dim, space, query, 40));
      expect(await hnsw.search(query, 40)).toEqual(found);
    }
    const repeated = await exact.search(vectors.slice(7 * dim, 8 * dim), 600);
    const places = [7, 100, 101, 102, 103, 104].map((row) => repeated.rows.indexOf(row));
    expect(places).toEqual(places.map((_, i) => places[0] + i));
    expect(vectors).toEqual(kept);
  });

  test('HNSW finds every row beside many that are equal, from a file too', async () => {
    const rows = clustered(new Random(3), 1500, dim);
    // A third is one vector, a third is forty vectors over and over.
    for (let row = 0; row < 500; row++) rows.fill(0, row * dim, (row + 1) * dim);
    for (let row = 540; row < 1000; row++)
      rows.copyWithin(row * dim, (500 + (row % 40)) * dim, (501 + (row % 40)) * dim);
    const table = new VectorTable(rows, dim, space);
    const exact = await ExactIndex.create(table);
    const hnsw = HnswIndex.build(table);
    const read = await HnswIndex.fromBytes(await hnsw.toBytes(), table);
    let hits = 0;
    for (let i = 0; i < 30; i++) {
      const query = queries.slice(i * dim, (i + 1) * dim);
      const expected = new Set((await exact.search(query, 20)).rows);
      const found = await hnsw.search(query, 20);
      expect(await read.search(query, 20)).toEqual(found);
      hits += found.rows.filter((row) => expected.has(row)).length;
    }
    expect(hits / (30 * 20)).toBeGreaterThan(0.98);
    expect((await hnsw.search(rows.slice(0, dim), 2000)).count).toBe(1500);
  });

  test('a batch gives what single searches give', async () => {
    const exact = await ExactIndex.create(new VectorTable(vectors, dim, space));
    const batch = await exact.searchBatch(queries, 25);
    for (let i = 0; i < 30; i++) {
      expect(batch[i]).toEqual(await exact.search(queries.slice(i * dim, (i + 1) * dim), 25));
    }
    expect(await exact.searchBatch(new Float32Array(0), 25)).toEqual([]);
  });

  test('scores are the definition of the space', async () => {
    const index = await createIndex(Float32Array.of(3, 4, 0, 0, 1, 0), 2, space);
    const { rows, scores } = await index.search(Float32Array.of(0, 2), 3);
    const expected = { ip: [8, 0, 0], cosine: [0.8, 0, 0], l2: [-4, -5, -13] }[space];
    expect([...rows]).toEqual(space === 'l2' ? [1, 2, 0] : [0, 1, 2]);
    expect(scores).toEqual(Float32Array.from(expected));
  });
});

describe.each(['exact', 'hnsw'] as const)('%s', (kind) => {
  const make = (vectors: Float32Array<ArrayBuffer>, dim: number) =>
    createIndex(vectors, dim, 'ip', { ...indexDefaults, kind });

  test('k beyond the rows gives all of them; no rows, none', async () => {
    const index = await make(Float32Array.of(1, 2, 3), 1);
    expect([...(await index.search(Float32Array.of(1), 10)).rows]).toEqual([2, 1, 0]);
    expect((await index.search(Float32Array.of(1), 0)).count).toBe(0);
    const empty = await make(new Float32Array(0), 4);
    expect((await empty.search(new Float32Array(4), 5)).count).toBe(0);
  });

  test('fills the arrays it is given and grows those that are short', async () => {
    const index = await make(Float32Array.of(1, 2, 3), 1);
    const out = { count: 0, rows: new Uint32Array(9), scores: new Float32Array(1) };
    const { rows } = out;
    expect(await index.search(Float32Array.of(1), 2, out)).toBe(out);
    expect(out.rows).toBe(rows);
    expect(out.count).toBe(2);
    expect([...out.rows.subarray(0, 2)]).toEqual([2, 1]);
    expect([...out.scores]).toEqual([3, 2]);
  });

  test('searches that overlap do not disturb each other, nor does a change of the query after the call', async () => {
    const vectors = clustered(new Random(4), 300, 8);
    const index = await make(vectors, 8);
    const queries = Array.from({ length: 20 }, (_, i) => vectors.slice(i * 8, i * 8 + 8));
    const alone = [];
    for (const query of queries) alone.push(await index.search(query, 9));
    const together = queries.map((query) => {
      const result = index.search(query, 9);
      query.fill(0);
      return result;
    });
    expect(await Promise.all(together)).toEqual(alone);
  });

  test('what is not finite or not of the dimension is refused', async () => {
    await expect(make(Float32Array.of(1, 2, 3, Number.NaN), 2)).rejects.toThrow('vector 1 is not finite');
    await expect(make(Float32Array.of(1, 2, 3), 2)).rejects.toThrow('3 values are no rows of dimension 2');
    const index = await make(Float32Array.of(1, 2, 3, 4), 2);
    await expect(index.search(Float32Array.of(1), 1)).rejects.toThrow('the query has 1 values');
    await expect(index.search(Float32Array.of(1, Number.POSITIVE_INFINITY), 1)).rejects.toThrow(
      'the query is not finite',
    );
  });
});

describe('an HNSW file', () => {
  const dim = 6;
  const vectors = clustered(new Random(6), 400, dim);
  const table = new VectorTable(vectors, dim, 'ip');
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-ann-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('answers as the index that wrote it, from a path and from bytes; the seed decides the bytes', async () => {
    const index = HnswIndex.build(table);
    const path = join(folder, 'same');
    await index.save(path);
    const bytes = await index.toBytes();
    expect(Buffer.compare(bytes, await readFile(path))).toBe(0);
    expect(Buffer.compare(bytes, await HnswIndex.build(table).toBytes())).toBe(0);
    expect(
      Buffer.compare(bytes, await HnswIndex.build(table, { ...hnswDefaults, seed: 2 }).toBytes()),
    ).not.toBe(0);
    for (const read of [await HnswIndex.load(path, table), await HnswIndex.fromBytes(bytes, table)]) {
      const query = vectors.slice(0, dim);
      expect(await read.search(query, 50)).toEqual(await index.search(query, 50));
    }
  });

  test('that holds equal rows one by one is read too', async () => {
    const twice = Float32Array.of(...vectors, ...vectors);
    const whole = new VectorTable(twice, dim, 'l2');
    const graph = new hnswlib.HierarchicalNSW('l2', dim);
    graph.initIndex({ maxElements: 800, m: 16, efConstruction: 200, randomSeed: 1 });
    for (let row = 0; row < 800; row++) graph.addPoint([...twice.subarray(row * dim, (row + 1) * dim)], row);
    const path = join(folder, 'whole');
    await graph.writeIndex(path);
    const read = await HnswIndex.load(path, whole);
    const query = twice.slice(0, dim);
    expect(await read.search(query, 30)).toEqual(await HnswIndex.build(whole).search(query, 30));
  });

  test('is refused by name where it is missing, cut off, of another shape, or of other vectors', async () => {
    const path = join(folder, 'damaged');
    const load = (other = table) => HnswIndex.load(path, other);
    await expect(load()).rejects.toThrow(`nearest-neighbour index ${path}: ENOENT`);
    const bytes = await HnswIndex.build(table).toBytes();
    await writeFile(path, bytes.subarray(0, 50));
    await expect(load()).rejects.toThrow('is too short for a header');
    await writeFile(path, bytes.subarray(0, bytes.length - 9));
    await expect(load()).rejects.toMatchObject({ reason: 'BUNDLE_DAMAGED' });
    await writeFile(path, bytes);
    await expect(load(new VectorTable(vectors, dim / 2, 'ip'))).rejects.toThrow(
      'has 400 rows of 7, not 800 of 4',
    );
    await expect(load(new VectorTable(vectors, dim, 'l2'))).rejects.toThrow(
      'has 400 rows of 7, not 400 of 6',
    );
    const other = new VectorTable(clustered(new Random(7), 400, dim), dim, 'ip');
    await expect(load(other)).rejects.toThrow('was made from other vectors: row 0 differs');
    await load();
  });

  test('building reports its progress', () => {
    const heard: number[] = [];
    HnswIndex.build(new VectorTable(clustered(new Random(8), 2500, 2), 2, 'l2'), hnswDefaults, (rows) =>
      heard.push(rows),
    );
    expect(heard).toEqual([1000, 2000]);
  });
});

test('HNSW finds .95 of the greatest products where norms differ widely, from a file too', async () => {
  const dim = 16;
  const random = new Random(10);
  const vectors = clustered(random, 4000, dim);
  for (let row = 0; row < 4000; row++) {
    const scale = Math.exp(1.5 * random.normal());
    for (let i = 0; i < dim; i++) vectors[row * dim + i] *= scale;
  }
  const table = new VectorTable(vectors, dim, 'ip');
  const built = HnswIndex.build(table);
  const queries = clustered(new Random(11), 40, dim);
  const truth = new Int32Array(40 * 10);
  for (let i = 0; i < 40; i++)
    truth.set(brute(vectors, dim, 'ip', queries.subarray(i * dim, (i + 1) * dim), 10), i * 10);
  expect(await recallAt10(built, queries, truth)).toBeGreaterThanOrEqual(0.95);
  const read = await HnswIndex.fromBytes(await built.toBytes(), table);
  expect(await recallAt10(read, queries, truth)).toBeGreaterThanOrEqual(0.95);
});

test('exact search is exact where distances are small beside the vectors, and where products overflow', async () => {
  const dim = 8;
  const far = clustered(new Random(9), 2000, dim).map((value) => 1000 + value);
  const index = await createIndex(far, dim, 'l2');
  const query = far.slice(0, dim).map((value) => value + 0.5);
  expect([...(await index.search(query, 20)).rows]).toEqual(byDistance(far, dim, query).slice(0, 20));
  const huge = await createIndex(Float32Array.of(1, 1, 3e38, 3e38, 3e38, -3e38), 2, 'ip');
  expect([...(await huge.search(Float32Array.of(2, 2), 2)).rows]).toEqual([1, 0]);
});

/** All rows by Euclidean distance in double precision, ties by row. */
function byDistance(vectors: Float32Array, dim: number, query: Float32Array): number[] {
  const distances = Array.from({ length: vectors.length / dim }, (_, row) =>
    query.reduce((sum, value, i) => sum + (value - vectors[row * dim + i]) ** 2, 0),
  );
  return [...distances.keys()].sort((a, b) => distances[a] - distances[b] || a - b);
}

test('the catalogue size decides the kind', async () => {
  const options = { ...indexDefaults, hnsw: { ...hnswDefaults, m: 2, efConstruction: 4 } };
  const make = async (rows: number) =>
    (await createIndex(new Float32Array(rows).fill(1), 1, 'ip', options)).kind;
  expect(await make(EXACT_ROWS_MAX)).toBe('exact');
  expect(await make(EXACT_ROWS_MAX + 1)).toBe('hnsw');
});
