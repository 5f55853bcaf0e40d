import { expect, test } from 'vitest';
import { NATS } from '../support/servers.ts';
import { verifyLogCrash } from '../verify/log-crash/log-crash.ts';

test.skipIf(NATS.program === undefined)(
  `the proof of the log under crashes holds in its short form (needs NATS: ${NATS.absent})`,
  { timeout: 480_000 },
  async () => {
    const lines: string[] = [];
    const holds = await verifyLogCrash({ short: true, print: (line) => lines.push(line) });
    expect(holds, lines.join('\n')).toBe(true);
  },
);

test('a disk that only says it has synced is found out', { timeout: 480_000 }, async () => {
  const lines: string[] = [];
  const holds = await verifyLogCrash({ short: true, broken: 'unsynced', print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(false);
});
