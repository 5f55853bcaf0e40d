import { expect, test } from 'vitest';
import { verifyTrace } from '../verify/trace.ts';

test('the trace of a request shows every stage under its parent, in one process and split', {
  timeout: 180_000,
}, async () => {
  const lines: string[] = [];
  const holds = await verifyTrace({ print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});
