import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Bitset } from './bitset.ts';

it('is a set of ordinals that grows', () => {
  const operation = fc.record({ ordinal: fc.nat(5000), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), fc.nat(6000), (operations, capacity) => {
      const bitset = new Bitset(capacity);
      const expected = new Set<number>();
      for (const { ordinal, remove } of operations) {
        const changed = remove
          ? expected.delete(ordinal)
          : !expected.has(ordinal) && expected.add(ordinal) === expected;
        expect(remove ? bitset.delete(ordinal) : bitset.add(ordinal)).toBe(changed);
      }
      const ascending = [...expected].sort((a, b) => a - b);
      expect([...bitset.toOrdinals()]).toEqual(ascending);
      const restored = Bitset.read(bitset.serialise());
      expect([...restored.toOrdinals()]).toEqual(ascending);
      expect([bitset.size, restored.size]).toEqual([expected.size, expected.size]);
      expect([bitset.has(5001), bitset.has(0xffffffff)]).toEqual([false, false]);
    }),
    { seed: 1 },
  );
});

it('refuses damaged bytes', () => {
  const bitset = new Bitset();
  bitset.add(70);
  const bytes = bitset.serialise();
  expect(() => Bitset.read(bytes.subarray(0, 10))).toThrow('bitset');
  expect(() => Bitset.read(new Uint8Array(64))).toThrow('bitset: not an array part');
});
