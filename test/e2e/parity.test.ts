import { expect, test } from 'vitest';
import { BREAKAGES } from '../verify/parity/breakages.ts';
import { verifyParity } from '../verify/parity/parity.ts';

test('the proof of parity holds in its short form and notices every wrong way', {
  timeout: 300_000,
}, async () => {
  const lines: string[] = [];
  const holds = await verifyParity({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
  for (const name of Object.keys(BREAKAGES))
    expect(lines.join('\n')).toMatch(new RegExp(`self-check ${name} .*: [1-9]\\d* mismatches`));
});
