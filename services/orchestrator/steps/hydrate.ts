import { MillraceError } from '../../../common/errors.ts';
import { anonymousUser, decodeUser, type User } from '../../../common/user-state.ts';
import { DegradedReason } from '../../../gen/millrace/type/v1/type.ts';
import type { CascadeRun } from '../run.ts';

const NO_STATE = new Uint8Array(0);

/** The user with the encoded state that goes on to the stages. */
export interface Hydrated {
  readonly user: User;
  readonly state: Uint8Array;
}

/** The user's state, or the last one known here if there is none or an older one, or nobody's. */
export async function hydrate(run: CascadeRun): Promise<Hydrated> {
  const hydrated = await taken(run);
  run.noteActed(hydrated.user);
  return hydrated;
}

async function taken(run: CascadeRun): Promise<Hydrated> {
  const { userId, earlierIds, lastingId } = run.query;
  if (userId === '') return { user: anonymousUser, state: NO_STATE };
  const { recentUsers } = run.world;
  const response = await run.attempt('features', async (call) => {
    const request = { userId, earlierIds: [...earlierIds], parts: [], asOf: 0 };
    const { state, offset } = await run.peers.features.getUserState(request, call);
    return { user: checkedUser(state), state, offset, status: undefined };
  });
  if (response !== undefined && recentUsers.keep(lastingId, response.state, response.offset)) return response;
  const cached = recentUsers.state(lastingId);
  if (cached !== undefined) {
    run.degrade('features', DegradedReason.DEGRADED_REASON_USER_STATE_CACHED);
    return { user: decodeUser(cached), state: cached };
  }
  run.degrade(
    'features',
    DegradedReason.DEGRADED_REASON_USER_STATE_MISSING,
    DegradedReason.DEGRADED_REASON_SEEN_UNCHECKED,
  );
  return { user: anonymousUser, state: NO_STATE };
}

function checkedUser(state: Uint8Array): User {
  try {
    return decodeUser(state);
  } catch (cause) {
    throw new MillraceError('RESPONSE_INVALID', `state: ${(cause as Error).message}`, { cause });
  }
}
