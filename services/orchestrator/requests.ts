import { randomBytes } from 'node:crypto';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { fieldError } from '../../common/errors.ts';
import { checkId } from '../../common/ids.ts';
import type { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import type { ClientContext, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import type { OrchestratorConfig } from './config.ts';
import { recordsFeatures } from './decision.ts';
import type { Query } from './run.ts';
import type { Tokens } from './tokens.ts';

const SEEDS_MAX = 100;
const EXCLUDED_MAX = 10_000;
const HOUR_MS = 3_600_000;
const CONTEXT_CHARS_MAX = 64;

/** Checks a request and resolves its ids. `bundle` and `variant` are the route's; `logged`: a record follows. */
export function recommendQuery(
  request: RecommendRequest,
  route: { bundle: string; variant: string },
  world: {
    config: OrchestratorConfig;
    catalogue: Catalogue;
    tokens: Tokens;
    pseudonyms: Pseudonyms;
    nowMs: number;
    futureHoursMax: number;
  },
  logged: boolean,
): Query {
  const { catalogue, config } = world;
  const userId = checkId(request.userId, 'user_id');
  const limit = checkedLimit(request.limit, config);
  if (request.seedItems.length > SEEDS_MAX)
    throw fieldError('seed_items', `${request.seedItems.length} items; at most ${SEEDS_MAX}`);
  const excluded = [...resolved(request.excludeItems, 'exclude_items', catalogue)];
  if (request.pageToken !== '') {
    excluded.push(...world.tokens.readPage(request.pageToken, userId, catalogue.lineage, 'page_token'));
  }
  const context = contextOf(request.context, route, world.nowMs);
  return {
    ...namesOf(userId, world),
    context,
    recordsFeatures: logged && recordsFeatures(context.requestId, config.recordFeatures),
    limit,
    seeds: resolved(request.seedItems, 'seed_items', catalogue),
    excluded: new Uint32Array(new Set(excluded)),
  };
}

interface NamesWorld {
  readonly pseudonyms: Pseudonyms;
  readonly nowMs: number;
  /** See `eventsSchema`. */
  readonly futureHoursMax: number;
}

/** The names of a user in all events that may be stored by now, latest first. */
export function allNamesOf(userId: string, { pseudonyms, nowMs, futureHoursMax }: NamesWorld): string[] {
  return pseudonyms.upTo(userId, nowMs + futureHoursMax * HOUR_MS);
}

/** What a user of a query is called. */
export function namesOf(
  userId: string,
  world: NamesWorld,
): Pick<Query, 'userId' | 'earlierIds' | 'lastingId'> {
  if (userId === '') return { userId, earlierIds: [], lastingId: userId };
  const { pseudonyms, nowMs, futureHoursMax } = world;
  const names = allNamesOf(userId, world);
  const lastingId = names[names.length - 1];
  const [name] = names.splice(
    pseudonyms.periodAt(nowMs) - pseudonyms.periodAt(nowMs + futureHoursMax * HOUR_MS),
    1,
  );
  return { userId: name, earlierIds: names, lastingId };
}

export function checkedLimit(
  limit: number | undefined,
  { limitDefault, limitMax }: OrchestratorConfig,
): number {
  if (limit === undefined) return limitDefault;
  if (limit < 1 || limit > limitMax)
    throw fieldError('limit', `${limit} is not in [1, ${limitMax}]`, 'LIMIT_OUT_OF_RANGE');
  return limit;
}

/** The ordinals of the ids that are in the catalogue, each once. */
export function resolved(ids: readonly string[], field: string, catalogue: Catalogue): Uint32Array {
  if (ids.length > EXCLUDED_MAX) throw fieldError(field, `${ids.length} items; at most ${EXCLUDED_MAX}`);
  const ordinals = ids.map((id) => catalogue.ordinalOf(id)).filter((ordinal) => ordinal !== undefined);
  return new Uint32Array(new Set(ordinals));
}

export function contextOf(
  context: ClientContext | undefined,
  route: { bundle: string; variant: string },
  nowMs: number,
): RequestContext {
  const client = { device: '', locale: '', surface: '', region: '', ...context };
  for (const field of ['device', 'locale', 'surface', 'region'] as const) {
    if (client[field].length > CONTEXT_CHARS_MAX) {
      throw fieldError(
        `context.${field}`,
        `${client[field].length} characters; at most ${CONTEXT_CHARS_MAX}`,
      );
    }
  }
  return RequestContext.fromPartial({
    ...client,
    ...route,
    requestId: randomBytes(16).toString('hex'),
    timeMs: nowMs,
  });
}
