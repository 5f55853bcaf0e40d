import { Part } from '../../common/bundle/manifest.ts';
import type { Bundle } from '../../common/bundle/store.ts';
import { u32Of } from '../../common/columns.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import { ItemFilters } from '../../common/filters/item-filters.ts';
import { rootCall } from '../../common/rpc/call.ts';
import type { ContractMethod, Framed } from '../../common/rpc/contract.ts';
import { contracts } from '../../common/rpc/services.ts';
import type { AllInOne } from '../../deploy/all-in-one.ts';
import type { RetrieveRequest } from '../../gen/millrace/candidates/v1/candidates.ts';
import type { FilterRequest } from '../../gen/millrace/filtering/v1/filtering.ts';
import { AppendRequest, type Event } from '../../gen/millrace/logging/v1/logging.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import type { RankRequest } from '../../gen/millrace/ranking/v1/ranking.ts';
import type { RerankRequest } from '../../gen/millrace/reranking/v1/reranking.ts';
import { Quality } from '../../services/orchestrator/budget.ts';
import { cascade } from '../../services/orchestrator/cascade.ts';
import { orchestratorSchema } from '../../services/orchestrator/config.ts';
import { decisionEvent } from '../../services/orchestrator/decision.ts';
import { RecentUsers } from '../../services/orchestrator/recent-users.ts';
import { contextOf } from '../../services/orchestrator/requests.ts';
import type { Peers } from '../../services/orchestrator/run.ts';
import { HOPS, type HopName, type Recordings } from './hops.ts';

/** What each stage was asked, as it sees it. */
export interface StageInputs {
  readonly candidates: Framed<RetrieveRequest>[];
  readonly filtering: Framed<FilterRequest>[];
  readonly ranking: Framed<RankRequest>[];
  readonly reranking: Framed<RerankRequest>[];
  readonly logging: Event[];
}

/** Answers one Recommend for each user through the stages of `all` and keeps every message of every hop. */
export async function record(
  all: AllInOne,
  bundle: Bundle,
  users: readonly string[],
): Promise<{ recordings: Recordings; inputs: StageInputs }> {
  const traffic = Object.fromEntries(
    Object.keys(HOPS).map((name) => [name, { requests: [], responses: [] }]),
  ) as unknown as Recordings;
  const inputs: StageInputs = { candidates: [], filtering: [], ranking: [], reranking: [], logging: [] };
  const peers = recordingPeers(all.peers, traffic, inputs);
  const fallback = u32Of(await bundle.read(Part.fallback));
  const config = orchestratorSchema.parse({});
  const { catalogue } = all.replica;
  const recentUsers = new RecentUsers(config);
  const filters = new ItemFilters(catalogue, filteringSchema.parse({}));
  for (const userId of users) {
    const quality = {
      features: new Quality(1),
      candidates: new Quality(1),
      filtering: new Quality(1),
      ranking: new Quality(1),
      reranking: new Quality(1),
    };
    const query = {
      userId,
      earlierIds: [],
      lastingId: userId,
      context: contextOf(undefined, { bundle: bundle.version, variant: '' }, Date.now()),
      limit: config.limitDefault,
      seeds: new Uint32Array(0),
      excluded: new Uint32Array(0),
      recordsFeatures: config.recordFeatures === 1,
    };
    const world = { config, catalogue, recentUsers, quality, filters, fallback, readsUserState: () => true };
    const slate = await cascade(query, world, peers, rootCall());
    const event = decisionEvent(query, slate, catalogue, config.recordSample);
    inputs.logging.push(event);
    const append = AppendRequest.fromPartial({ events: [event] });
    keep(traffic, 'logging', append, await all.peers.logging.append(append, rootCall()));
    const request = RecommendRequest.fromPartial({ userId });
    const response = await all.orchestrator.implementation.recommend(request, rootCall());
    keep(traffic, 'orchestrator', request, response);
  }
  return { recordings: traffic, inputs };
}

function recordingPeers(peers: Peers, traffic: Recordings, inputs: StageInputs): Peers {
  function recorded<Request, Response>(
    name: HopName,
    work: (request: Request, call: ReturnType<typeof rootCall>) => Promise<Response>,
    kept: Request[] = [],
  ): typeof work {
    return async (request, call) => {
      const response = await work(request, call);
      kept.push(request);
      keep(traffic, name, request, response);
      return response;
    };
  }
  const { features, candidates, filtering, ranking, reranking } = peers;
  return {
    ...peers,
    features: { ...features, getUserState: recorded('features', features.getUserState) },
    candidates: { retrieve: recorded('candidates', candidates.retrieve, inputs.candidates) },
    filtering: { filter: recorded('filtering', filtering.filter, inputs.filtering) },
    ranking: { rank: recorded('ranking', ranking.rank, inputs.ranking) },
    reranking: { ...reranking, rerank: recorded('reranking', reranking.rerank, inputs.reranking) },
  };
}

function keep(traffic: Recordings, name: HopName, request: unknown, response: unknown): void {
  const method = contracts[name].methods[HOPS[name].method] as ContractMethod;
  traffic[name].requests.push(method.encodeRequest(request));
  traffic[name].responses.push(method.encodeResponse(response));
}
