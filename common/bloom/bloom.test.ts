import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { createBloom, readBloom } from './engines.ts';
import { bloomEngines, bloomShape, expectedBloomRate } from './filter.ts';
import { measureBloomRate } from './rate.ts';

interface SizingCase {
  n: number;
  p_target: number;
  m_bits: number;
  k_hashes: number;
  p_at_n: number;
  p_at_2n: number;
  allowed_false_positives_in_100000_probes_at_n_99_99pct: number;
}

const vectors = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/bloom/sizing.json');
const reason = existsSync(vectors) ? '' : ` (skipped: ${vectors} is absent)`;
const cases: SizingCase[] = reason === '' ? JSON.parse(readFileSync(vectors, 'utf8')).cases : [];
const PROBES = 100_000;
const KEY_BOUND = 2 ** 32;

function randomKeys(count: number, random: Random): Uint32Array {
  return Uint32Array.from({ length: count }, () => random.uint32());
}

describe('bloom shape', () => {
  it.skipIf(reason !== '')(`agrees with the sizing vectors${reason}`, () => {
    for (const one of cases) {
      const shape = bloomShape(one.n, one.p_target);
      expect(shape).toEqual({ bits: one.m_bits, hashes: one.k_hashes });
      expect(expectedBloomRate(shape, one.n)).toBeCloseTo(one.p_at_n, 12);
      expect(expectedBloomRate(shape, 2 * one.n)).toBeCloseTo(one.p_at_2n, 12);
    }
  });

  it('refuses what cannot be a filter, naming the argument', () => {
    expect(() => bloomShape(0, 0.01)).toThrow('bloom keys: 0');
    expect(() => bloomShape(1.5, 0.01)).toThrow('bloom keys: 1.5');
    for (const rate of [0, 1, Number.NaN]) expect(() => bloomShape(10, rate)).toThrow(`bloom rate: ${rate}`);
    expect(() => bloomShape(1e9, 1e-6)).toThrow('bits');
    expect(() => bloomShape(10, 1e-100)).toThrow('hashes');
  });
});

describe.each(bloomEngines)('bloom filter, engine %s', (engine) => {
  it('has every key that was added, one by one and in bulk, over capacity too', () => {
    const filter = createBloom(engine, bloomShape(500, 0.01), 7);
    const keys = randomKeys(1500, new Random(1));
    filter.addAll(keys);
    filter.add(0);
    filter.add(0xffffffff);
    const found = new Uint8Array(keys.length);
    filter.hasAll(keys, found);
    expect(found.every((hit) => hit === 1)).toBe(true);
    expect([...keys].every((key) => filter.has(key))).toBe(true);
    expect([filter.has(0), filter.has(0xffffffff), filter.added]).toEqual([true, true, 1502]);
  });

  it('is empty when made', () => {
    const filter = createBloom(engine, bloomShape(1, 0.5), 0);
    expect([...randomKeys(100, new Random(2))].some((key) => filter.has(key))).toBe(false);
  });

  it.skipIf(reason !== '')(
    `errs no more than the sizing vectors allow${reason}`,
    () => {
      const affordable = ({ n, p_target }: SizingCase) =>
        engine === 'typed' || (n <= 10_000 && p_target === 0.01);
      for (const one of cases.filter(affordable)) {
        // The fill of a small filter varies from filter to filter, which the bound leaves out: so many filters share the probes.
        const filters = one.n === 100 ? 25 : 1;
        const probes = PROBES / filters;
        let positives = 0;
        for (let f = 0; f < filters; f++) {
          const random = new Random(one.n + f);
          const members = new Set<number>();
          while (members.size < one.n) members.add(random.uint32());
          const filter = createBloom(engine, bloomShape(one.n, one.p_target), random.uint32());
          filter.addAll(Uint32Array.from(members));
          positives +=
            probes * measureBloomRate(filter, (key) => members.has(key), KEY_BOUND, probes, random);
        }
        const allowed = one.allowed_false_positives_in_100000_probes_at_n_99_99pct;
        expect(positives, `n ${one.n}, p ${one.p_target}`).toBeLessThanOrEqual(allowed);
        expect(positives, `n ${one.n}, p ${one.p_target}`).toBeGreaterThan(one.p_at_n * PROBES * 0.7 - 4);
      }
    },
    60_000,
  );

  it('errs on other keys when the seed is another', () => {
    const keys = randomKeys(200, new Random(3));
    const hits = [1, 2].map((seed) => {
      const filter = createBloom(engine, bloomShape(200, 0.1), seed);
      filter.addAll(keys);
      return [...randomKeys(500, new Random(4))].map((key) => filter.has(key)).join();
    });
    expect(hits[0]).not.toBe(hits[1]);
  });

  it('answers the same after serialisation, and takes more keys', () => {
    const random = new Random(5);
    for (const count of [1, 5, 31, 400]) {
      const filter = createBloom(engine, bloomShape(count, 0.05), random.uint32());
      filter.addAll(randomKeys(count, random));
      const restored = readBloom(filter.serialise());
      expect(restored).toMatchObject({ engine, shape: filter.shape, seed: filter.seed, added: count });
      const probes = randomKeys(1000, random);
      expect([...probes].map((key) => restored.has(key))).toEqual([...probes].map((key) => filter.has(key)));
      restored.add(12345);
      filter.add(12345);
      expect(restored.serialise()).toEqual(filter.serialise());
    }
  });

  it('refuses damaged bytes: any byte changed, cut or added', () => {
    const filter = createBloom(engine, bloomShape(20, 0.1), 9);
    filter.addAll(randomKeys(20, new Random(6)));
    const bytes = filter.serialise();
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i] ^= 0x10;
      expect(() => readBloom(changed), `byte ${i}`).toThrow('bloom filter: damaged bytes');
      expect(() => readBloom(bytes.subarray(0, i)), `cut at ${i}`).toThrow('bloom filter: damaged bytes');
    }
    const longer = new Uint8Array(bytes.length + 4);
    longer.set(bytes);
    expect(() => readBloom(longer)).toThrow('bloom filter: damaged bytes');
  });
});

it('writes the same bytes in every release', () => {
  const filter = createBloom('typed', { bits: 64, hashes: 3 }, 1);
  filter.addAll(Uint32Array.of(0, 1, 2, 0xffffffff));
  expect(Buffer.from(filter.serialise()).toString('hex')).toMatchInlineSnapshot(
    `"4d52424601000300400000000400000001000000080000007e26b1c71108104022106000"`,
  );
});
