import { expect, test } from 'vitest';
import { verifyCatalogue } from '../verify/catalogue.ts';

test('the proof of the catalogue holds in its short form', { timeout: 180_000 }, async () => {
  const lines: string[] = [];
  const holds = await verifyCatalogue({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});
