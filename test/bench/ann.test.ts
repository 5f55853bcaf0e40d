import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../common/random.ts';
import { annBench } from './ann.ts';

const DIGITS = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/ann');
const SPACES = ['cosine', 'l2', 'ip'] as const;
const ROWS = 400;
const QUERIES = 20;
const DIM = 6;

interface Line {
  readonly engine: string;
  readonly 'recall@10': number;
  readonly qps: number;
  readonly buildSeconds: number;
}

async function lines(options: Record<string, string | number>): Promise<Line[]> {
  const printed: Line[] = [];
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  await annBench.run(args, (line) => printed.push(JSON.parse(line)));
  return printed;
}

const bytes = (values: Float32Array | Int32Array): Buffer => Buffer.from(values.buffer);

/** Vectors of different lengths, two of them zero, five of them alike. */
function vectors(seed: number, rows: number): Float32Array {
  const random = new Random(seed);
  const values = Float32Array.from(
    { length: rows * DIM },
    (_, at) => (1 + ((at / DIM) & 3)) * random.normal(),
  );
  values.fill(0, 3 * DIM, 5 * DIM);
  for (let row = 6; row < 10; row++) values.copyWithin(row * DIM, 5 * DIM, 6 * DIM);
  return values;
}

/** The first `k` of each query by double-precision scores; equal ones by row, the greatest first: not as our indexes do. */
function truthOf(
  base: Float32Array,
  queries: Float32Array,
  space: (typeof SPACES)[number],
  k: number,
): Int32Array {
  const score = (query: Float32Array, row: number): number => {
    const vector = base.subarray(row * DIM, (row + 1) * DIM);
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    if (space === 'ip') return dot(query, vector);
    if (space === 'l2') return -vector.reduce((sum, value, i) => sum + (query[i] - value) ** 2, 0);
    return dot(query, vector) / (Math.sqrt(dot(vector, vector) * dot(query, query)) || 1);
  };
  const truth: number[] = [];
  for (let at = 0; at < queries.length; at += DIM) {
    const query = queries.subarray(at, at + DIM);
    const scores = Array.from({ length: base.length / DIM }, (_, row) => score(query, row));
    const rows = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || b - a);
    truth.push(...rows.slice(0, k));
  }
  return Int32Array.from(truth);
}

describe('bench ann', () => {
  let folder = '';
  const file = (name: string): string => join(folder, name);
  const base = vectors(1, ROWS);
  const queries = vectors(2, QUERIES);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-ann-'));
    await writeFile(file('base.f32.gz'), gzipSync(bytes(base)));
    await writeFile(file('query.f32'), bytes(queries));
    for (const space of SPACES)
      await writeFile(file(`${space}.i32`), bytes(truthOf(base, queries, space, 13)));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const run = (space: string, more: Record<string, string | number> = {}): Promise<Line[]> =>
    lines({
      base: file('base.f32'),
      query: file('query.f32'),
      truth: file(`${space}.i32`),
      dim: DIM,
      space,
      ...more,
    });

  it.each(SPACES)('%s: both engines find all, whichever of equal rows the truth names', async (space) => {
    const [exact, hnsw, ...none] = await run(space);
    expect([exact.engine, hnsw.engine, none]).toEqual(['exact', 'hnsw', []]);
    expect(exact['recall@10']).toBe(1);
    expect(hnsw['recall@10']).toBeGreaterThanOrEqual(0.99);
    for (const { qps, buildSeconds } of [exact, hnsw])
      expect([qps > 0, buildSeconds >= 0]).toEqual([true, true]);
  });

  it('counts what is not there', async () => {
    const [exact] = await run('ip', { truth: file('l2.i32') });
    expect(exact['recall@10']).toBeGreaterThan(0.05);
    expect(exact['recall@10']).toBeLessThan(1);
    await writeFile(file('one.f32'), bytes(base));
    await writeFile(
      file('self.i32'),
      bytes(Int32Array.from({ length: ROWS * 10 }, (_, at) => (at / 10) | 0)),
    );
    // Ten times the row itself: of its ten nearest only the row is as near.
    const [self] = await run('l2', { query: file('one.f32'), truth: file('self.i32') });
    const distinct = ROWS - 5 - 2;
    expect(self['recall@10']).toBeCloseTo((distinct + 5 * 5 + 2 * 2) / (10 * ROWS), 12);
  });

  it.each(SPACES)(
    '%s: measures by as many true rows as there are, where the truth or the base has fewer than ten',
    async (space) => {
      const few = base.subarray(0, 7 * DIM);
      await writeFile(file('few.f32'), bytes(few.slice()));
      await writeFile(file('few.i32'), bytes(truthOf(few, queries, space, 7)));
      await writeFile(file('three.i32'), bytes(truthOf(base, queries, space, 3)));
      for (const options of [{ base: file('few.f32'), truth: file('few.i32') }, { truth: file('three.i32') }])
        for (const line of await run(space, options)) expect(line['recall@10'], line.engine).toBe(1);
    },
  );

  it('refuses files that do not fit, by name', async () => {
    await writeFile(
      file('nan.f32'),
      bytes(base.map((value, at) => (at === 2 * DIM + 1 ? Number.NaN : value))),
    );
    await writeFile(file('odd'), Buffer.alloc(4 * DIM + 2));
    await writeFile(file('short.i32'), bytes(new Int32Array(QUERIES * 9 + 1)));
    await writeFile(file('beyond.i32'), bytes(new Int32Array(QUERIES * 10).fill(ROWS)));
    await expect(run('ip', { base: file('nan.f32') })).rejects.toThrow('nan.f32: row 2, column 1 is NaN');
    await expect(run('ip', { query: file('odd') })).rejects.toThrow('odd: 26 bytes are no 4-byte values');
    await expect(run('ip', { dim: 7 })).rejects.toThrow('base.f32: 2400 float32 values are no rows of 7');
    await expect(run('ip', { truth: file('short.i32') })).rejects.toThrow(
      'short.i32: 181 int32 values are not as many for each of 20 queries',
    );
    await expect(run('ip', { truth: file('beyond.i32') })).rejects.toThrow(
      'beyond.i32: query 0: 400 is no row',
    );
    await expect(run('ip', { base: file('absent') })).rejects.toThrow('absent[.gz]: no such file');
    await writeFile(file('broken.gz'), 'no gzip');
    await expect(run('ip', { base: file('broken') })).rejects.toThrow('broken.gz: incorrect header check');
  });

  it('refuses options that do not fit', async () => {
    await expect(run('hamming')).rejects.toThrow("--space: there is no 'hamming'; it is one of cosine l2 ip");
    await expect(run('ip', { dim: 0 })).rejects.toThrow("--dim: '0' is not a whole number of 1 or more");
    await expect(lines({ dim: 3, space: 'ip' })).rejects.toThrow('--base is missing');
  });
});

describe.skipIf(!existsSync(DIGITS))(`digits (needs ${DIGITS})`, () => {
  it.each(SPACES)('%s: exact finds all, HNSW .99', async (space) => {
    const [exact, hnsw] = await lines({
      base: join(DIGITS, 'digits.base.f32'),
      query: join(DIGITS, 'digits.query.f32'),
      truth: join(DIGITS, `digits.gt20.${space}.i32`),
      dim: 64,
      space,
    });
    expect(exact['recall@10']).toBe(1);
    expect(hnsw['recall@10']).toBeGreaterThanOrEqual(0.99);
  });
});
