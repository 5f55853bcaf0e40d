import { pause } from '../../../common/clock.ts';
import { rankColumn } from '../../../common/columns.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { OrchestratorService } from '../../../common/rpc/services.ts';
import {
  type ExplainResponse,
  type RecommendRequest,
  RecordFeedbackRequest,
} from '../../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import type { FilmRow } from '../../simulator/film-catalogue.ts';
import type { DemoWorld } from './world.ts';

const CALL_TIMEOUT_MS = 5_000;
const POLL_MS = 20;
const POLLS_MAX = 100;
/** A source that knows nothing of people without a history. */
const PERSONAL = rankColumn('item_to_item');

/** The films that the person would look for first. */
export function favourites({ audience }: DemoWorld, userId: string, count: number): FilmRow[] {
  const logits = new Float32Array(audience.films.length);
  audience.organicLogits(
    audience.users.findIndex(({ id }) => id === userId),
    logits,
  );
  const best = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
  return best.slice(0, count).map((film) => audience.films[film]);
}

/** Records that the user opened the films, and asks until the answer shows that personal sources know of it. */
export async function openAndAsk(
  door: OrchestratorService,
  request: RecommendRequest,
  films: readonly FilmRow[],
): Promise<ExplainResponse> {
  const { userId } = request;
  const events = films.map(({ id: itemId }) => ({
    eventId: `demo-${userId}-${itemId}`,
    userId,
    itemId,
    action: Action.ACTION_VIEW,
  }));
  const call = (): ReturnType<typeof rootCall> => rootCall({ timeoutMs: CALL_TIMEOUT_MS });
  await door.recordFeedback(RecordFeedbackRequest.fromPartial({ events }), call());
  for (let poll = 0; ; poll++) {
    const answer = await door.explain({ request }, call());
    const personal = answer.candidates.some(({ scores }) => (scores[PERSONAL] ?? 0) > 0);
    if (personal || poll === POLLS_MAX) return answer;
    await pause(POLL_MS);
  }
}
