import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { verifyDpAudit } from '../verify/dp-audit/dp-audit.ts';
import { verifyDpCases } from '../verify/dp-cases/dp-cases.ts';

const CASES = join(resolve(process.env.MILLRACE_SHARED ?? '../shared'), 'vectors/dp/google_textproto');
const absent = !existsSync(CASES);

test('neighbouring logs are not told apart better than claimed, and an audit finds each of three faults', async () => {
  const lines: string[] = [];
  const holds = await verifyDpAudit({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
  expect(lines.filter((line) => line.startsWith('  found: ')).length).toBe(3);
}, 120_000);

test.skipIf(absent)(
  `cases of Google's library accept the mechanisms${absent ? ` (skipped: no ${CASES}; set MILLRACE_SHARED)` : ''}`,
  async () => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    expect(await verifyDpCases({ short: true, print }), lines.join('\n')).toBe(true);
  },
  120_000,
);
