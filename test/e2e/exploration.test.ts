import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { FeedbackEvent, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const CONFIG = `
reranking:
  exploration:
    slots: {positions: [2, 4], pool: {rows: 10}}
    rewardWindowMinutes: 0.001
    publishSeconds: 0.1
`;

test('what is drawn is in answer and record, and what people do with it changes the odds of later draws', async () => {
  await using folder = await temporaryHome();
  await makeTinyHome(folder.home);
  await writeFile(join(folder.home, 'millrace.yaml'), CONFIG);
  await using one = await OneProcess.start(folder.home);
  const channel = new Channel(one.address);
  const client = channel.client(contracts.orchestrator);
  const call = () => rootCall({ timeoutMs: 20_000 });
  const posteriors = new Set<string>();
  for (let n = 0; posteriors.size < 3; n++) {
    expect(n).toBeLessThan(400);
    const request = RecommendRequest.fromPartial({ userId: `user-${n % 60}`, limit: 6 });
    const { items, requestId } = await client.recommend(request, call());
    const [, drawn] = items;
    expect(drawn.propensity).toBeLessThan(1);
    expect(items[0].propensity).toBe(1);
    const { decision } = await expect
      .poll(() => client.getDecision({ requestId }, call()).catch(() => undefined))
      .toBeDefined()
      .then(() => client.getDecision({ requestId }, call()));
    expect(decision?.exploration.map(({ slot }) => slot)).toEqual([1, 3]);
    for (const { slot = -1, arms, chosen, posterior } of decision?.exploration ?? []) {
      expect(arms[chosen].arm).toBe(items[slot].itemId);
      expect(arms[chosen].probability).toBeCloseTo(items[slot].propensity, 6);
      posteriors.add(posterior);
    }
    const { itemId, attributionToken } = drawn;
    const click = { eventId: `c${n}`, userId: request.userId, itemId, attributionToken };
    await client.recordFeedback(
      { events: [FeedbackEvent.fromPartial({ ...click, action: Action.ACTION_CLICK })] },
      call(),
    );
  }
  channel.close();
}, 60_000);
