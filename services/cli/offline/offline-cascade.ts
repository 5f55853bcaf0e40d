import { join } from 'node:path';
import { Part } from '../../../common/bundle/manifest.ts';
import { BundleStore } from '../../../common/bundle/store.ts';
import { CatalogueReplica } from '../../../common/catalogue/replica.ts';
import { Candidates, Columns, u32Of } from '../../../common/columns.ts';
import { MillraceError } from '../../../common/errors.ts';
import { filteringSchema } from '../../../common/filters/config.ts';
import { ItemFilters } from '../../../common/filters/item-filters.ts';
import type { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { inMemory } from '../../../common/rpc/memory.ts';
import {
  contracts,
  type FeaturesService,
  type LoggingService,
  type RankingService,
  type RerankingService,
} from '../../../common/rpc/services.ts';
import type { Environment } from '../../../common/service.ts';
import { DegradedReason, RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { createCandidates } from '../../candidates/server.ts';
import { createFiltering } from '../../filtering/server.ts';
import { Quality } from '../../orchestrator/budget.ts';
import { cascade } from '../../orchestrator/cascade.ts';
import { orchestratorSchema } from '../../orchestrator/config.ts';
import { RecentUsers } from '../../orchestrator/recent-users.ts';
import type { Peers, World } from '../../orchestrator/run.ts';
import { createRanking } from '../../ranking/server.ts';
import { createReranking } from '../../reranking/server.ts';
import type { Recommender } from '../../training/evaluation.ts';

type RerankRequest = Parameters<RerankingService['rerank']>[0];

/** The whole cascade on one bundle, as it serves, without servers, deadlines and log. */
export interface OfflineCascade extends AsyncDisposable {
  readonly recommend: Recommender;
  /** The slates of a policy of that name; a user's candidates are ranked once for all policies, and the last look is left out. */
  by(policy: string): Recommender;
  /** The same without the second stage; undefined where the bundle has none. */
  readonly byRanking: Recommender | undefined;
  /** By ranking with its scores dealt out among the candidates at random: what the ranker is worth. */
  shuffled(random: Random): Recommender;
}

/** Loads the bundle into all stages; BUNDLE_DAMAGED or BUNDLE_UNKNOWN where one refuses it. */
export async function openCascade(
  environment: Environment,
  version: string,
  features: FeaturesService,
): Promise<OfflineCascade> {
  const { config: source, log } = environment;
  const replica = new CatalogueReplica({ features, watcher: 'offline', log });
  const peer = { features };
  const candidates = await createCandidates(environment, peer, replica);
  const filtering = await createFiltering(environment, peer, replica);
  const ranking = await createRanking(environment, peer, replica);
  const reranking = await createReranking(environment, peer, replica);
  const plain = await createReranking(
    { ...environment, config: source.with('reranking', { secondStage: false }) },
    peer,
    replica,
  );
  const components = [candidates, filtering, ranking, reranking, plain];
  for (const { stage } of components) await stage.loadBundle({ version }, rootCall());
  const peers: Peers = {
    features,
    candidates: inMemory(contracts.candidates, candidates.implementation),
    filtering: inMemory(contracts.filtering, filtering.implementation),
    ranking: inMemory(contracts.ranking, ranking.implementation),
    reranking: inMemory(contracts.reranking, reranking.implementation),
    logging: noLog,
  };
  const bundle = await new BundleStore(join(source.home, 'bundles')).open(version);
  const world = worldOf(environment, replica, u32Of(await bundle.read(Part.fallback)));
  const byRanking = { ...peers, reranking: inMemory(contracts.reranking, plain.implementation) };
  const recommender =
    (through: Peers): Recommender =>
    async ({ userId, timeMs }, limit) => {
      const context = RequestContext.fromPartial({ requestId: userId, bundle: version, timeMs });
      const query = { ...PLAIN_QUERY, userId, lastingId: userId, context, limit };
      const { items, stages } = await cascade(query, world, through, rootCall());
      for (const { stage, degraded } of stages)
        for (const reason of degraded)
          if (FAILURES.has(reason)) throw new MillraceError('INTERNAL', `${stage} failed, reason ${reason}`);
      return items.items;
    };
  const asked = new Map<string, RerankRequest>();
  return {
    recommend: recommender(peers),
    by: (policy) => async (request, limit) => {
      let ranked = asked.get(request.userId);
      if (ranked === undefined) {
        await recommender({ ...peers, reranking: keeping(peers.reranking, asked, request.userId) })(
          request,
          limit,
        );
        ranked = asked.get(request.userId) as RerankRequest;
      }
      const { candidates } = await peers.reranking.rerank({ ...ranked, limit, policy }, rootCall());
      return candidates.items;
    },
    byRanking: bundle.has(Part.secondStage) ? recommender(byRanking) : undefined,
    shuffled: (random) => recommender({ ...byRanking, ranking: shuffling(peers.ranking, random) }),
    [Symbol.asyncDispose]: async () => {
      for (const { close } of components) await close();
      await replica.stop();
    },
  };
}

/** What would make the figures those of another cascade; a value that is not of its type is no such thing. */
const FAILURES: ReadonlySet<DegradedReason> = new Set([
  DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE,
  DegradedReason.DEGRADED_REASON_STAGE_TIMEOUT,
  DegradedReason.DEGRADED_REASON_STAGE_INVALID_RESPONSE,
  DegradedReason.DEGRADED_REASON_STAGE_FAILED,
  DegradedReason.DEGRADED_REASON_SOURCE_FAILED,
  DegradedReason.DEGRADED_REASON_MODEL_FAILED,
]);
const NO_ITEMS = new Uint32Array(0);
const PLAIN_QUERY = { earlierIds: [], seeds: NO_ITEMS, excluded: NO_ITEMS, recordsFeatures: false };
/** No stage is hurried: measuring must not depend on the machine. */
const DEADLINE_MS = 600_000;

function worldOf({ config: source }: Environment, replica: CatalogueReplica, fallback: Uint32Array): World {
  const config = { ...source.section('orchestrator', orchestratorSchema), deadlineMs: DEADLINE_MS };
  const quality = (): Quality => new Quality(config.qualityMin);
  return {
    config,
    catalogue: replica.catalogue,
    recentUsers: new RecentUsers(config),
    quality: {
      features: quality(),
      candidates: quality(),
      filtering: quality(),
      ranking: quality(),
      reranking: quality(),
    },
    filters: new ItemFilters(replica.catalogue, source.section('filtering', filteringSchema)),
    fallback,
    readsUserState: () => true,
  };
}

/** Keeps what re-ranking is asked for a user. */
function keeping(
  reranking: RerankingService,
  asked: Map<string, RerankRequest>,
  userId: string,
): RerankingService {
  return {
    ...reranking,
    rerank: (request, call) => {
      asked.set(userId, request);
      return reranking.rerank(request, call);
    },
  };
}

function shuffling(ranking: RankingService, random: Random): RankingService {
  return {
    rank: async (request, call) => {
      const response = await ranking.rank(request, call);
      const scores = random.shuffle(response.candidates.column(Columns.ranking).slice());
      const candidates = new Candidates(response.candidates.items, new Map([[Columns.ranking, scores]]));
      return { ...response, candidates };
    },
  };
}

async function absent(): Promise<never> {
  throw new MillraceError('METHOD_UNKNOWN', 'there is no log');
}

/** The flow itself asks nothing of the log. */
const noLog: LoggingService = {
  append: absent,
  commit: absent,
  getDecision: absent,
  forgetUser: absent,
  getForgetStatus: absent,
  // biome-ignore lint/correctness/useYield: nothing ever comes
  subscribe: async function* () {
    await absent();
  },
};
