import { expect, test } from 'vitest';
import { verifyFilterLeak } from '../verify/filter-leak/filter-leak.ts';

const prove = async (broken?: string): Promise<{ holds: boolean; text: string }> => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const holds = await verifyFilterLeak({ short: true, print, ...(broken === undefined ? {} : { broken }) });
  return { holds, text: lines.join('\n') };
};

test('nothing that must not be shown is, in the short form of the proof', { timeout: 240_000 }, async () => {
  const { holds, text } = await prove();
  expect(holds, text).toBe(true);
});

test('an orchestrator that takes what the filtering stage answers is found out', {
  timeout: 240_000,
}, async () => {
  const { holds, text } = await prove('unguarded');
  expect(holds, text).toBe(false);
  expect(text).toMatch(/violations: \d+;.* BLOCKED \d+/);
});
