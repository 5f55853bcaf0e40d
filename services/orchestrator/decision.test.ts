import { expect, test } from 'vitest';
import { recordsFeatures } from './decision.ts';

test('a share of requests records features, the same ones every time', () => {
  const ids = Array.from({ length: 4_000 }, (_, i) => `request-${i}`);
  const recorded = (share: number): string[] => ids.filter((id) => recordsFeatures(id, share));
  expect(recorded(0)).toEqual([]);
  expect(recorded(1)).toEqual(ids);
  const third = recorded(1 / 3);
  expect(Math.abs(third.length / ids.length - 1 / 3)).toBeLessThan(0.03);
  expect(third).toEqual(recorded(1 / 2).filter((id) => third.includes(id)));
});
