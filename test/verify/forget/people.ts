import { pause } from '../../../common/clock.ts';
import type { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { FeaturesService, OrchestratorService } from '../../../common/rpc/services.ts';
import { User } from '../../../gen/millrace/features/v1/features.ts';
import { FeedbackEvent, RecommendRequest } from '../../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';

const ACTIONS = [Action.ACTION_CLICK, Action.ACTION_VIEW, Action.ACTION_HIDE, Action.ACTION_RATING];

/** A running Millrace. */
export interface Doors {
  readonly orchestrator: OrchestratorService;
  readonly features: FeaturesService;
}

/** Sends feedback of a user, as if it had happened at `timeMs`. */
export async function act(
  { orchestrator }: Doors,
  userId: string,
  acts: { itemId: string; action?: Action }[],
  timeMs = 0,
  name = `${userId}-${performance.now()}`,
): Promise<void> {
  const events = acts.map(({ itemId, action = Action.ACTION_CLICK }, i) =>
    FeedbackEvent.fromPartial({
      eventId: `${name}-${i}`,
      userId,
      itemId,
      action,
      timeMs,
      ...(action === Action.ACTION_RATING ? { value: 5 } : {}),
    }),
  );
  await orchestrator.recordFeedback({ events }, rootCall({ timeoutMs: 5_000 }));
}

/** Asks for recommendations; answers the request's id. */
export async function ask({ orchestrator }: Doors, userId: string): Promise<string> {
  const request = RecommendRequest.fromPartial({ userId, limit: 5 });
  return (await orchestrator.recommend(request, rootCall({ timeoutMs: 2_000 }))).requestId;
}

/** Says who a user's friends are. */
export async function befriend({ features }: Doors, id: string, friends: readonly string[]): Promise<void> {
  const attributes = { friends: { texts: { values: [...friends] } }, plan: { text: 'gold' } };
  await features.upsertUsers(
    { users: [User.fromPartial({ id, attributes })] },
    rootCall({ timeoutMs: 5_000 }),
  );
}

/** Rounds of everybody's doings at `timesMs` by turns: the victim among `others`, with friends on both sides. */
export async function live(
  doors: Doors,
  {
    victim,
    others,
    rounds,
    random,
    timesMs,
  }: {
    victim: string;
    others: readonly string[];
    rounds: number;
    random: Random;
    timesMs: readonly number[];
  },
): Promise<{ victims: string[]; others: string[] }> {
  const requests = { victims: [] as string[], others: [] as string[] };
  await befriend(doors, victim, [others[0], others[1]]);
  await befriend(doors, others[2], [victim, others[3]]);
  await befriend(doors, others[4], [victim]);
  for (let round = 0; round < rounds; round++) {
    requests.victims.push(await ask(doors, victim));
    const other = others[random.int(others.length)];
    requests.others.push(await ask(doors, other));
    for (const userId of [victim, other])
      await act(
        doors,
        userId,
        Array.from({ length: 4 }, () => ({
          itemId: `item-${random.int(100)}`,
          action: ACTIONS[random.int(ACTIONS.length)],
        })),
        timesMs[round % timesMs.length],
      );
  }
  await pause(50);
  return requests;
}
