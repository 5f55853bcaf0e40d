import { expect, it } from 'vitest';
import { verifyRegret } from './regret.ts';

it('bandits regret as little as the literature has it, and an ensemble follows a change of taste', async () => {
  const print = (line: string): void => console.log(line);
  expect(await verifyRegret({ short: true, print })).toBe(true);
}, 180_000);
