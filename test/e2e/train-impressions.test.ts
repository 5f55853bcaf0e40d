import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { FeedbackEvent, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { runCli } from '../support/cli.ts';
import { readEvents } from '../support/logged-events.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const TIMEOUT_MS = 120_000;
const USERS = 60;
const WINDOW_MS = 500;

const call = (): ReturnType<typeof rootCall> => rootCall({ timeoutMs: 10_000 });

/** Everybody is answered once and clicks two items of their list, the second of which is held out. */
async function serveAndClick(home: string): Promise<void> {
  await using running = await OneProcess.start(home);
  using channel = new Channel(running.address);
  const door = channel.client(contracts.orchestrator);
  for (let user = 0; user < USERS; user++) {
    const userId = `user-${user}`;
    const { items } = await door.recommend(RecommendRequest.fromPartial({ userId, limit: 10 }), call());
    const clicks = items.slice(0, 2).map(({ itemId, attributionToken }, slot) =>
      FeedbackEvent.fromPartial({
        eventId: `click-${user}-${slot}`,
        userId,
        itemId,
        action: Action.ACTION_CLICK,
        attributionToken,
        timeMs: Date.now() + slot,
      }),
    );
    await door.recordFeedback({ events: clicks }, call());
  }
  await recorded(join(home, 'log'));
  await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
  const last = { eventId: 'last', userId: 'user-0', itemId: 'item-1', action: Action.ACTION_VIEW };
  await door.recordFeedback({ events: [FeedbackEvent.fromPartial(last)] }, call());
}

/** Waits until the log has all decisions. */
async function recorded(log: string): Promise<void> {
  for (let decisions = 0; decisions < USERS; ) {
    decisions = 0;
    for await (const { event } of readEvents(log)) decisions += event.decision === undefined ? 0 : 1;
  }
}

test('a ranker learns from what was served and clicked, held near the champion', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using folder = await temporaryHome();
  await makeTinyHome(folder.home);
  await serveAndClick(folder.home);
  const windowHours = WINDOW_MS / 3_600_000;
  const ranker = { model: 'logistic', examples: 'impressions', impressions: { windowHours } };
  const train = { ranker, stability: { lambda: 1 } };
  await writeFile(join(folder.home, 'millrace.yaml'), JSON.stringify({ train }));
  const { code, stderr } = await runCli(['train'], folder.home);
  expect([code, stderr]).toEqual([0, '']);
  const store = new BundleStore(join(folder.home, 'bundles'));
  const { champion } = (await store.live()) ?? {};
  const bundle = await store.open(champion as string);
  expect(bundle.has(Part.ranker)).toBe(true);
  expect(bundle.manifest.settings.ranker).toMatchObject({
    model: 'logistic',
    stability: { teacher: 'tiny-1', lambda: 1, distance: 'cross-entropy' },
  });
});
