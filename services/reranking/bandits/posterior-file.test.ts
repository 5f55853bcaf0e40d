import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { pause } from '../../../common/clock.ts';
import { replaceFile } from '../../../common/log/durable-files.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { explorationSchema } from './config.ts';
import { explorationConfig, loggedDraws } from './fixtures/logged-draws.ts';
import { LearnerFold } from './learner-fold.ts';
import { PosteriorFile, posteriorPath } from './posterior-file.ts';

function learnt(config = explorationConfig, decisions = 80): Uint8Array {
  const fold = LearnerFold.empty(config);
  const events = loggedDraws(decisions, 5);
  fold.apply(
    events.map((event, offset) => ({ offset, event })),
    events.length,
  );
  return fold.posteriors();
}

/** The bytes with NaN in place of one learnt value. */
function poisoned(): Uint8Array {
  const bytes = learnt().slice();
  new DataView(bytes.buffer).setFloat64(bytes.length - 8, Number.NaN, true);
  return bytes;
}

/** The bytes as an ensemble of another state would have saved them. */
function ofAnotherRelease(): Uint8Array {
  const text = Buffer.from(learnt()).toString('latin1');
  return Buffer.from(text.replace('ensemble.v2', 'ensemble.v1'), 'latin1');
}

const other = explorationSchema.parse({
  slots: { bandit: 'ensemble', members: [500, 5_000] },
  slates: { bandit: 'thompson-beta', arms: [{ policy: 'default' }, { policy: 'turned' }] },
});

it.each([
  ['of other dimensions', () => learnt(other), /half-lives 500 5000, configured as/],
  ["of another release's ensemble", ofAnotherRelease, /learnt as ensemble.v1 .*configured as ensemble.v2/],
  ['with a value that is not finite', poisoned, /NaN/],
  ['cut off', () => learnt().slice(0, 500), /truncated|too few/],
])('posteriors %s are refused with file and reason, and the older ones serve on', async (_, bytes, why) => {
  await using folder = await temporaryHome();
  const path = posteriorPath(folder.home);
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, learnt());
  const file = await PosteriorFile.follow(explorationConfig, folder.home, createLogger('test'));
  try {
    const { version } = file.posteriors;
    expect(version).toMatch(/^[0-9a-f]{16}$/);
    await replaceFile(path, bytes());
    for (let left = 100; left > 0 && file.fault === ''; left--) await pause(50);
    expect(file.fault).toMatch(why);
    expect(file.fault).toContain(path);
    expect(file.posteriors.version).toBe(version);
    await replaceFile(path, learnt(explorationConfig, 120));
    for (let left = 100; left > 0 && file.fault !== ''; left--) await pause(50);
    expect(file.fault).toBe('');
    expect(file.posteriors.version).not.toBe(version);
  } finally {
    await file.stop();
  }
});
