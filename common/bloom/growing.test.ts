import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { metrics } from '../telemetry/metrics.ts';
import { bloomEngines } from './filter.ts';
import { GrowingBloom } from './growing.ts';

it.each(bloomEngines)(
  'a growing filter of engine %s never misses a key, rebuilds going on or not',
  async (engine) => {
    const random = new Random(11);
    const members = new Set<number>();
    const filter = new GrowingBloom({
      holds: 'test',
      engine,
      rate: 0.01,
      seed: 5,
      members: () => Uint32Array.from(members),
    });
    const out = new Uint8Array(1);
    const holds = (key: number): boolean => {
      filter.hasAll(Uint32Array.of(key), out);
      return out[0] === 1;
    };
    let whileRebuilding = 0;
    const missed: number[] = [];
    const count = engine === 'typed' ? 10_000 : 1_500;
    for (let n = 0; n < count; n++) {
      const key = random.uint32();
      members.add(key);
      filter.add(key);
      if (!holds(key)) missed.push(key);
      if (filter.isRebuilding) whileRebuilding++;
      if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await filter.untilWhole();
    expect([...members].filter((key) => !holds(key))).toEqual([]);
    expect(missed).toEqual([]);
    expect(whileRebuilding).toBeGreaterThan(0);
    const { values } = await metrics.bloomRebuiltTotal.get();
    expect(values.find(({ labels }) => labels.filter === 'test')?.value).toBeGreaterThan(0);
  },
);

it('a growing filter that most keys have left is made anew without them', async () => {
  const random = new Random(13);
  const members = new Set<number>();
  const filter = new GrowingBloom({
    holds: 'test',
    engine: 'typed',
    rate: 0.01,
    seed: 5,
    members: () => Uint32Array.from(members),
  });
  const keys = Uint32Array.from({ length: 400 }, () => random.uint32());
  for (const key of keys) {
    members.add(key);
    filter.add(key);
  }
  for (const key of keys.subarray(0, 390)) {
    members.delete(key);
    filter.left();
  }
  await filter.untilWhole();
  const out = new Uint8Array(keys.length);
  filter.hasAll(keys, out);
  expect([...out.subarray(390)]).toEqual(new Array(10).fill(1));
  expect(out.reduce((sum, hit) => sum + hit, 0)).toBeLessThan(220);
});

it('a growing filter lets go of keys that left the set, and then errs no more than planned', async () => {
  const random = new Random(12);
  let members = new Set<number>();
  const filter = new GrowingBloom({
    holds: 'test',
    engine: 'typed',
    rate: 0.01,
    seed: 5,
    members: () => Uint32Array.from(members),
  });
  for (let round = 0; round < 6; round++) {
    members = new Set();
    for (let n = 0; n < 1_000; n++) {
      const key = random.uint32();
      members.add(key);
      filter.add(key);
    }
    await filter.untilWhole();
  }
  const probes = Uint32Array.from({ length: 50_000 }, () => random.uint32());
  const out = new Uint8Array(probes.length);
  filter.hasAll(probes, out);
  expect(out.reduce((sum, hit) => sum + hit, 0) / probes.length).toBeLessThan(0.02);
});
