import { expect, test } from 'vitest';
import { Exploration } from '../../gen/millrace/type/v1/type.ts';
import { recordsFeatures, shownDraws } from './decision.ts';

test('a share of requests records features, the same ones every time', () => {
  const ids = Array.from({ length: 4_000 }, (_, i) => `request-${i}`);
  const recorded = (share: number): string[] => ids.filter((id) => recordsFeatures(id, share));
  expect(recorded(0)).toEqual([]);
  expect(recorded(1)).toEqual(ids);
  const third = recorded(1 / 3);
  expect(Math.abs(third.length / ids.length - 1 / 3)).toBeLessThan(0.03);
  expect(third).toEqual(recorded(1 / 2).filter((id) => third.includes(id)));
});

test('a draw is recorded at the position where its item was shown, or not at all; that of the slate always', () => {
  const draw = (slot: number | undefined, arms: string[], chosen: number): Exploration =>
    Exploration.fromPartial({
      ...(slot === undefined ? {} : { slot }),
      bandit: 'linear-thompson',
      chosen,
      arms: arms.map((arm) => ({ arm, probability: 1 / arms.length })),
    });
  const draws = [
    draw(undefined, ['plain', 'fresh'], 1),
    draw(1, ['a', 'b'], 0),
    draw(4, ['c', 'd'], 1),
    draw(9, ['e', 'f'], 0),
  ];
  const shown = shownDraws(draws, ['x', 'a', 'z', 'd', 'y']);
  expect(shown.map(({ slot }) => slot)).toEqual([undefined, 1, 3]);
  expect(shown.map(({ arms, chosen }) => arms[chosen].arm)).toEqual(['fresh', 'a', 'd']);
});
