import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { projectRoot } from '../../common/root.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { encodeUser } from '../../common/user-state.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { limits, recordedEvents, userIds } from './fixtures/world.ts';
import { Snapshots } from './snapshots.ts';
import { FeatureFold } from './stage.ts';

const KILLS = 3;
const SAVES_BEFORE_KILL = 5;

function snapshotsIn(folder: string): Snapshots {
  return new Snapshots(folder, limits, createLogger('test'));
}

/** Everything that a fold knows, as bytes. */
function contents(fold: FeatureFold): unknown {
  return {
    offset: fold.offset,
    lastBatch: fold.lastBatch,
    catalogue: fold.catalogue.serialise(),
    counters: fold.counters.counters().serialise(),
    users: userIds.map((id) => encodeUser(fold.users.state(id, 0))),
  };
}

function folded(count: number): FeatureFold {
  const fold = FeatureFold.empty(limits);
  fold.apply(recordedEvents(count), count);
  return fold;
}

test.each([7, 50, 333])(
  'a snapshot after %i events and the tail equal the whole fold, bit for bit',
  async (cut) => {
    await using folder = await temporaryHome();
    await snapshotsIn(folder.home).save(folded(cut));
    const resumed = await snapshotsIn(folder.home).load();
    expect(resumed.offset).toBe(cut);
    resumed.apply(recordedEvents(1_000).slice(cut), 1_000);
    expect(contents(resumed)).toEqual(contents(folded(1_000)));
  },
);

test('a damaged snapshot gives way to the one before, and both damaged to the empty fold', async () => {
  await using folder = await temporaryHome();
  const snapshots = snapshotsIn(folder.home);
  for (const count of [60, 70, 80]) await snapshots.save(folded(count));
  const names = (await readdir(folder.home)).sort();
  expect(names).toHaveLength(2);
  await truncate(join(folder.home, names[1]), 100);
  expect((await snapshots.load()).offset).toBe(70);
  await truncate(join(folder.home, names[0]), 100);
  expect((await snapshots.load()).offset).toBe(0);
});

test('killed at any moment, the service finds a whole snapshot, no older than the last one reported', async () => {
  await using folder = await temporaryHome();
  const script = join(projectRoot, 'services/features/fixtures/snapshotter.ts');
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder.home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let saved = 0;
    let saves = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      saved = Number(line);
      if (++saves === SAVES_BEFORE_KILL) setTimeout(() => child.kill('SIGKILL'), kill);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const fold = await snapshotsIn(folder.home).load();
    expect(fold.offset).toBeGreaterThanOrEqual(saved);
    expect(contents(fold)).toEqual(contents(folded(fold.offset)));
  }
  await snapshotsIn(folder.home).save(folded(60));
  expect((await readdir(folder.home)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
