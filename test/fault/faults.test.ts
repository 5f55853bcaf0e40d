import { expect, test } from 'vitest';
import { verifyFaults } from '../verify/faults.ts';

test('the proof of faults holds in its short form', { timeout: 240_000 }, async () => {
  const lines: string[] = [];
  const holds = await verifyFaults({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});
