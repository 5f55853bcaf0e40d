import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../../common/root.ts';

const TIMEOUT_MS = 240_000;
const run = promisify(execFile);

test(
  'millrace demo --once goes from nothing to answers with titles and reasons, a trace and lines to go on with',
  async () => {
    const args = [join(projectRoot, 'bin/millrace.mjs'), 'demo', '--once', '--users', '100'];
    const env = { ...process.env, NO_COLOR: '1', MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000' };
    const { stdout, stderr } = await run(process.execPath, args, { env, timeout: TIMEOUT_MS });
    expect(stderr).toBe('');

    expect(stdout).toMatch(/✓ 3,201 films, 100 simulated people, [\d,]+ events in the log +[\d.]+ s\n/);
    expect(stdout).toMatch(/✓ bundle \S+ \(NDCG@10 0\.\d+; popularity 0\.\d+\) +[\d.]+ s\n/);
    const address = /front door at (127\.0\.0\.1:\d+)/.exec(stdout)?.[1] ?? 'nowhere';

    for (const kind of ['newcomer', 'light', 'heavy']) {
      const section = stdout.split('\n\n').find((text) => text.startsWith(`${kind} user-`)) ?? '';
      const rows = section.split('\n').filter((line) => /^ +\d+ {2}\S/.test(line));
      expect(rows, kind).toHaveLength(6);
      for (const row of rows) expect(row, kind).toMatch(/\d\.\d{3} {2}[a-z_0-9]+ \d+/);
      expect(section).toContain('candidates: shown 6 · ');
      expect(section).not.toContain('degraded');
    }
    const newcomer = stdout.split('\n\n').find((text) => text.startsWith('newcomer')) ?? '';
    expect(newcomer).not.toMatch(/ials|item_to_item/);

    const learnt = stdout.split('\n\n').find((text) => text.startsWith('the same newcomer')) ?? '';
    expect(learnt).toMatch(/ials|item_to_item/);

    for (const span of ['features', 'candidates', 'filtering', 'ranking', 'reranking'])
      expect(stdout).toMatch(new RegExp(` {6}${span} · \\w+ .*█.* ms\n`));
    expect(stdout).toContain(`${address} millrace.orchestrator.v1.OrchestratorService/Recommend`);
    expect(stdout).toMatch(new RegExp(`ghz --insecure .* ${address}\n`));

    const home = /State: (\S+) /.exec(stdout)?.[1] ?? '';
    expect(home).not.toBe('');
    expect(existsSync(home)).toBe(false);
  },
  TIMEOUT_MS,
);
