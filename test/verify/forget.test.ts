import { expect, test } from 'vitest';
import { verifyForget } from './forget/forget.ts';

test('a user who is forgotten is in no file, and all else is as it was, in the short form', {
  timeout: 120_000,
}, async () => {
  const lines: string[] = [];
  const holds = await verifyForget({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});
