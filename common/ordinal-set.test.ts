import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OrdinalSet } from './ordinal-set.ts';

it('holds what was added since it was last emptied', () => {
  const ordinals = fc.array(fc.oneof(fc.nat(50), fc.nat(0xffffffff)), { maxLength: 400 });
  fc.assert(
    fc.property(fc.array(ordinals, { maxLength: 5 }), ordinals, (rounds, probes) => {
      const set = new OrdinalSet();
      for (const round of rounds) {
        set.clear();
        const expected = new Set<number>();
        for (const ordinal of round) {
          expect(set.add(ordinal)).toBe(!expected.has(ordinal));
          expected.add(ordinal);
        }
        const inOrder = [...expected];
        for (const ordinal of round) expect(set.indexOf(ordinal)).toBe(inOrder.indexOf(ordinal));
        expect(set.size).toBe(expected.size);
        for (const probe of [...round, ...probes, 0, 0xffffffff])
          expect([set.has(probe), set.indexOf(probe) >= 0]).toEqual([
            expected.has(probe),
            expected.has(probe),
          ]);
      }
    }),
    { seed: 1 },
  );
});
