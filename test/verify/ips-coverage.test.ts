import { expect, test } from 'vitest';
import { verifyIpsCoverage } from './ips-coverage.ts';

test('the intervals of IPS hold the true value of a policy about as often as they say, in the short form', async () => {
  const lines: string[] = [];
  const holds = await verifyIpsCoverage({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});
