import { expect, test } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { republished, tinySecondStage } from '../support/tiny-second-stage.ts';

const USERS = 6;

test('the record of an answer says what the second stage made of its items for this person, and nothing of others', async () => {
  await using folder = await temporaryHome();
  const { store } = await makeTinyHome(folder.home);
  const settings = { secondStage: { depth: 40 } };
  const model = await tinySecondStage(1);
  await republished(store, 'tiny-1', { version: 'tiny-2', settings }, { [Part.secondStage]: model });
  await store.promote('tiny-2');
  await using serving = await OneProcess.start(folder.home, { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '60000' });
  const channel = new Channel(serving.address);
  const client = channel.client(contracts.orchestrator);
  const byItem = new Map<string, Set<number>>();
  for (let user = 0; user < USERS; user++) {
    const request = RecommendRequest.fromPartial({ userId: `user-${user}`, limit: 10 });
    const { requestId, degraded } = await client.recommend(request, rootCall());
    expect(degraded).toEqual([]);
    let decision: Awaited<ReturnType<typeof client.getDecision>>['decision'];
    await expect
      .poll(async () => {
        ({ decision } = await client
          .getDecision({ requestId }, rootCall())
          .catch(() => ({ decision: undefined })));
        return decision?.shown.length;
      })
      .toBe(10);
    for (const { itemId, scores } of decision?.shown ?? []) {
      expect(scores).toMatchObject({ 'rank.second': expect.any(Number), 'score.rating': expect.any(Number) });
      expect(scores).not.toHaveProperty(['score.watch']);
      byItem.set(itemId, (byItem.get(itemId) ?? new Set()).add(scores['score.second']));
    }
    for (const { scores } of decision?.sample ?? []) expect(scores).not.toHaveProperty(['score.second']);
  }
  channel.close();
  const shared = [...byItem.values()].filter(({ size }) => size > 1);
  expect(shared.length).toBeGreaterThan(0);
}, 60_000);
