import { createIndex, indexDefaults } from '../../common/ann/create-index.ts';
import { hnswDefaults } from '../../common/ann/hnsw.ts';
import type { Neighbours, VectorIndex } from '../../common/ann/index-types.ts';
import type { Space } from '../../common/ann/vectors.ts';
import { type Bench, oneOf, parsed, required, UsageError, wholeNumber } from './bench.ts';
import { readBytes } from './files.ts';
import { heartbeat, measured } from './report.ts';

const ENGINES = ['exact', 'hnsw'] as const;
const SPACES = ['cosine', 'l2', 'ip'] as const;
const K = 10;
/** Queries before the clock starts. */
const WARM_UP = 50;
/** Queries between two words of progress, which are timed with them. */
const QUERIES_A_STEP = 256;
/** Where an index answered fewer than asked. */
const NONE = -1;

/**
 * Nearest-neighbour indexes by their defaults against an exact truth, one line an engine; queries one at a time on one thread.
 * Files are little-endian, row-major, plain or gzip: float32 vectors, int32 row numbers of the base, best first, as many a query
 * as the size says. The first ten count; where there are fewer, recall@10 is of those.
 */
export const annBench: Bench = {
  usage: '--base F --query F --truth F --dim N --space cosine|l2|ip',
  async run(args, print) {
    const values = parsed(args, {
      base: { type: 'string' },
      query: { type: 'string' },
      truth: { type: 'string' },
      dim: { type: 'string' },
      space: { type: 'string' },
    });
    const dim = wholeNumber(required(values.dim, 'dim'), 'dim', 1);
    const space = oneOf(required(values.space, 'space'), SPACES, 'space');
    const base = readVectors(required(values.base, 'base'), dim);
    const queries = readVectors(required(values.query, 'query'), dim);
    const truth = readTruth(required(values.truth, 'truth'), queries.length / dim, base.length / dim);
    const truthEach = truth.length / (queries.length / dim);
    for (const engine of ENGINES) {
      await measured(print, { bench: 'ann', engine, space }, hnswDefaults.seed, () =>
        measureEngine(engine, { base, queries, truth, truthEach, dim, space }),
      );
    }
  },
};

interface Task {
  readonly base: Float32Array<ArrayBuffer>;
  readonly queries: Float32Array<ArrayBuffer>;
  /** The true first `truthEach` of each query. */
  readonly truth: Int32Array;
  /** At most ten. */
  readonly truthEach: number;
  readonly dim: number;
  readonly space: Space;
}

async function measureEngine(engine: (typeof ENGINES)[number], task: Task) {
  const { base, queries, dim, space } = task;
  const buildStart = performance.now();
  const hear = heartbeat(`ann: ${engine}`);
  const index = await createIndex(base, dim, space, { ...indexDefaults, kind: engine }, (rows) =>
    hear(`${rows} of ${base.length / dim} rows`),
  );
  const buildSeconds = (performance.now() - buildStart) / 1000;
  const count = queries.length / dim;
  const out: Neighbours = { count: 0, rows: new Uint32Array(K), scores: new Float32Array(K) };
  for (let i = 0; i < Math.min(WARM_UP, count); i++) await index.search(queryAt(task, i), K, out);
  const found = new Int32Array(count * K).fill(NONE);
  const searchStart = performance.now();
  for (let i = 0; i < count; i++) {
    const { rows, count: answered } = await index.search(queryAt(task, i), K, out);
    found.set(rows.subarray(0, answered), i * K);
    if (i % QUERIES_A_STEP === 0) hear(`${i} of ${count} queries`);
  }
  const searchSeconds = (performance.now() - searchStart) / 1000;
  return {
    'recall@10': recallOf(found, task),
    qps: Number((count / searchSeconds).toFixed(1)),
    buildSeconds: Number(buildSeconds.toFixed(3)),
    ...sizesOf(index, count),
  };
}

function sizesOf({ size, dim }: VectorIndex, queries: number) {
  return { rows: size, dim, queries };
}

function queryAt({ queries, dim }: Task, i: number): Float32Array {
  return queries.subarray(i * dim, (i + 1) * dim);
}

/**
 * Rows nearer than this part of the scores' scale to the tenth true one are as good as it: float32 vectors do not tell them
 * apart, and which of equal rows is in the truth is its maker's choice.
 */
const TIE = 2 ** -23;

/**
 * Share of the true rows that were found among the first ten, by double-precision scores of the vectors as they are: a row counts
 * if it scores no worse than the last of the truth.
 */
function recallOf(found: Int32Array, task: Task): number {
  const { truth, truthEach } = task;
  let hits = 0;
  for (let i = 0; i < truth.length / truthEach; i++) {
    const query = queryAt(task, i);
    const expected = new Set(truth.subarray(i * truthEach, (i + 1) * truthEach));
    const last = scoreOf(task, query, truth[(i + 1) * truthEach - 1]);
    for (const row of new Set(found.subarray(i * K, i * K + truthEach))) {
      if (row === NONE) continue;
      const { score, scale } = scoreOf(task, query, row);
      if (expected.has(row) || score >= last.score - TIE * Math.max(scale, last.scale)) hits++;
    }
  }
  return hits / truth.length;
}

/** Score as `Space` defines it, and the size of what its rounding is relative to. */
function scoreOf({ base, dim, space }: Task, query: Float32Array, row: number) {
  let product = 0;
  let queryNorm = 0;
  let rowNorm = 0;
  let distance = 0;
  for (let i = 0, at = row * dim; i < dim; i++, at++) {
    product += query[i] * base[at];
    queryNorm += query[i] ** 2;
    rowNorm += base[at] ** 2;
    distance += (query[i] - base[at]) ** 2;
  }
  const norms = Math.sqrt(queryNorm * rowNorm);
  if (space === 'l2') return { score: -distance, scale: distance };
  if (space === 'ip') return { score: product, scale: norms };
  return { score: norms === 0 ? 0 : product / norms, scale: 1 };
}

/** UsageError naming the file where it is no whole number of finite rows. */
function readVectors(path: string, dim: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(alignedBytes(path));
  if (values.length === 0 || values.length % dim !== 0)
    throw new UsageError(`${path}: ${values.length} float32 values are no rows of ${dim}`);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UsageError(`${path}: row ${Math.floor(bad / dim)}, column ${bad % dim} is ${values[bad]}`);
  return values;
}

/** The first ten of each query, or all where there are fewer. */
function readTruth(path: string, queries: number, rows: number): Int32Array {
  const all = new Int32Array(alignedBytes(path));
  const each = all.length / queries;
  if (!Number.isInteger(each) || each < 1)
    throw new UsageError(
      `${path}: ${all.length} int32 values are not as many for each of ${queries} queries`,
    );
  const kept = Math.min(K, each);
  const truth = new Int32Array(queries * kept);
  for (let query = 0; query < queries; query++)
    truth.set(all.subarray(query * each, query * each + kept), query * kept);
  const bad = truth.findIndex((row) => row < 0 || row >= rows);
  if (bad >= 0)
    throw new UsageError(
      `${path}: query ${Math.floor(bad / K)}: ${truth[bad]} is no row of a base of ${rows}`,
    );
  return truth;
}

function alignedBytes(path: string): ArrayBuffer {
  const bytes = readBytes(path);
  if (bytes.length % 4 !== 0) throw new UsageError(`${path}: ${bytes.length} bytes are no 4-byte values`);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}
