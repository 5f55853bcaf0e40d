import { expect, test } from 'vitest';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

test('a limit of the policy that cannot be kept is named in the explanation and in the decision record', {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryHome();
  await makeTinyHome(folder.home);
  // Of five genres a list of eight holds three items too many.
  const env = { MILLRACE__RERANKING__CAPS: '[{ field: categories, itemsMax: 1 }]' };
  await using one = await OneProcess.start(folder.home, env);
  using channel = new Channel(one.address);
  const door = channel.client(contracts.orchestrator);
  const call = () => rootCall({ timeoutMs: 30_000 });
  const request = RecommendRequest.fromPartial({ userId: 'user-1', limit: 8 });
  expect((await door.explain({ request }, call())).unmet).toEqual(['cap categories: 3']);
  const { requestId } = await door.recommend(request, call());
  const recorded = async () => (await door.getDecision({ requestId }, call())).decision?.unmet;
  await expect
    .poll(() => recorded().catch(() => undefined), { timeout: 30_000 })
    .toEqual(['cap categories: 3']);
});
