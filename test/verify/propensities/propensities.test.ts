import { expect, it } from 'vitest';
import { verifyPropensities } from './propensities.ts';

const holds = async (broken?: string): Promise<boolean> => {
  const lines: string[] = [];
  const result = await verifyPropensities({ short: true, broken, print: (line) => lines.push(line) });
  if (broken === undefined) console.log(lines.join('\n'));
  return result;
};

it('what is shown is drawn with the odds that are recorded, for slots, policies and both', async () => {
  expect(await holds()).toBe(true);
}, 60_000);

it.each(['seeds', 'taken-away'])(
  'the proof finds %s',
  async (way) => {
    expect(await holds(way)).toBe(false);
  },
  60_000,
);
