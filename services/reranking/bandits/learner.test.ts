import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { pause } from '../../../common/clock.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { openLogging } from '../../logging/fixtures/open.ts';
import { explorationConfig, loggedDraws } from './fixtures/logged-draws.ts';
import { LearnerFold } from './learner-fold.ts';
import { posteriorPath } from './posterior-file.ts';

const LEARNER = fileURLToPath(new URL('fixtures/learner.ts', import.meta.url));

/** Answers when the file holds these bytes; fails after 20 s. */
async function untilBytes(path: string, wanted: Uint8Array): Promise<void> {
  for (let left = 400; left > 0; left--) {
    const found = await readFile(path).catch(() => Buffer.alloc(0));
    if (found.equals(wanted)) return;
    await pause(50);
  }
  throw new Error(`${path} does not become what the log teaches`);
}

/** What a log that holds exactly these events teaches. */
function taught(events: readonly Event[]): Uint8Array {
  const fold = LearnerFold.empty(explorationConfig);
  fold.apply(
    events.map((event, offset) => ({ offset, event })),
    events.length,
  );
  return fold.posteriors();
}

it('killed again and again, and with a second process beside it, learning comes to what the log teaches', async () => {
  await using folder = await temporaryHome();
  const address = `unix:${join(folder.home, 'log.sock')}`;
  await using opened = await openLogging(folder.home, 'socket', {}, address);
  const call = () => rootCall({ timeoutMs: 20_000 });
  const started: ChildProcess[] = [];
  const start = (): ChildProcess => {
    const child = spawn(process.execPath, ['--import', 'tsx', LEARNER, folder.home, address], {
      stdio: 'ignore',
    });
    started.push(child);
    return child;
  };
  try {
    const events = loggedDraws(240, 21);
    const step = Math.ceil(events.length / 3);
    for (let from = 0; from < events.length; from += step) {
      const part = events.slice(from, from + step);
      const learner = start();
      await opened.logging.append({ events: part }, call());
      if (from + step < events.length) {
        await untilBytes(posteriorPath(folder.home), taught(events.slice(0, from + step)));
        const half = events.slice(from + step, from + step + step / 2);
        await opened.logging.append({ events: half }, call());
        learner.kill('SIGKILL');
        await once(learner, 'exit');
      } else start();
    }
    await untilBytes(posteriorPath(folder.home), taught(events));
    expect(started.at(-1)?.exitCode).toBe(null);
  } finally {
    for (const child of started) child.kill('SIGKILL');
  }
}, 60_000);
