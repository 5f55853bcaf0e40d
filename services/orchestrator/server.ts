import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { systemClock } from '../../common/clock.ts';
import { Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import { type FilteringConfig, filteringSchema } from '../../common/filters/config.ts';
import { ItemFilters } from '../../common/filters/item-filters.ts';
import { checkId } from '../../common/ids.ts';
import { eventsSchema } from '../../common/log/check-feedback.ts';
import { ExactNoise } from '../../common/privacy/exact-noise.ts';
import { LocalField } from '../../common/privacy/local-field.ts';
import { rightsSchema } from '../../common/rights/config.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { contracts, type OrchestratorService, type StageService } from '../../common/rpc/services.ts';
import { type Component, type Environment, served } from '../../common/service.ts';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';
import type { ForgetStatus } from '../../gen/millrace/logging/v1/logging.ts';
import type {
  ExplainedCandidate,
  RecommendRequest,
  RecommendResponse,
  SimilarItemsRequest,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { Quality } from './budget.ts';
import { cascade } from './cascade.ts';
import { type OrchestratorConfig, orchestratorSchema, STAGES, type StageName } from './config.ts';
import { decisionEvent, firingTexts, recordsFeatures, scoreReader, unmetTexts } from './decision.ts';
import { recordFeedback } from './feedback.ts';
import { togetherOf } from './forget-status.ts';
import { RecentUsers } from './recent-users.ts';
import { Recorder } from './recorder.ts';
import { allNamesOf, checkedLimit, contextOf, namesOf, recommendQuery, resolved } from './requests.ts';
import { Routes } from './routes.ts';
import type { Peers, Query, Slate, World } from './run.ts';
import { Tokens } from './tokens.ts';

/** The front door. `stages`: the StageService of every routed stage. `replica`: shared in one process, else one of its own. */
export async function createOrchestrator(
  environment: Environment,
  peers: Peers,
  stages: ReadonlyMap<string, StageService>,
  replica?: CatalogueReplica,
): Promise<Component & { implementation: OrchestratorService }> {
  const { config: source, log } = environment;
  const config = source.section('orchestrator', orchestratorSchema);
  const folder = join(source.home, 'orchestrator');
  const catalogue =
    replica ?? new CatalogueReplica({ features: peers.features, watcher: 'orchestrator', log });
  const store = new BundleStore(join(source.home, 'bundles'));
  const routes = new Routes({ store, stages, catalogue, config, log });
  const recorder = await Recorder.open({
    logging: peers.logging,
    spoolFolder: join(folder, 'spool'),
    log,
    queueMax: config.recordQueueMax,
  });
  const tokens = new Tokens(await tokenKey(config.tokenKey, folder));
  const pseudonyms = Pseudonyms.open(source);
  const stopping = new AbortController();
  const following = pseudonyms.follow(log, stopping.signal);
  const { futureHoursMax } = source.section('events', eventsSchema);
  const implementation = new FrontDoor({
    config,
    filtering: source.section('filtering', filteringSchema),
    peers,
    catalogue,
    routes,
    recorder,
    tokens,
    pseudonyms,
    futureHoursMax,
    rememberMsMax: source.section('rights', rightsSchema).forgetDeadlineHours * HOUR_MS,
  });
  return {
    implementation,
    services: [served(contracts.orchestrator, implementation)],
    watchServing: (changed) =>
      routes.start(config.bundlePollMs, (version) => implementation.warmUp(version), changed),
    close: async () => {
      stopping.abort();
      await following;
      await routes.stop();
      await recorder.close();
      if (replica === undefined) await catalogue.stop();
    },
  };
}

async function tokenKey(configured: string | undefined, folder: string): Promise<Buffer> {
  if (configured !== undefined) return Buffer.from(configured);
  const path = join(folder, 'token.key');
  await mkdir(folder, { recursive: true });
  await writeFile(path, randomBytes(32), { flag: 'wx', mode: 0o600 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return readFile(path);
}

interface Parts {
  readonly config: OrchestratorConfig;
  readonly filtering: FilteringConfig;
  readonly peers: Peers;
  readonly catalogue: CatalogueReplica;
  readonly routes: Routes;
  readonly recorder: Recorder;
  readonly tokens: Tokens;
  readonly pseudonyms: Pseudonyms;
  readonly futureHoursMax: number;
  /** How long a user's state may be remembered here. */
  readonly rememberMsMax: number;
}

function newQuality({ qualityMin }: OrchestratorConfig): World['quality'] {
  return Object.fromEntries(STAGES.map((stage) => [stage, new Quality(qualityMin)])) as Record<
    StageName,
    Quality
  >;
}

/** Of a request what its answer must know. */
interface Asked {
  /** As the caller says it. */
  readonly userId: string;
  readonly substituted: boolean;
}

const HOUR_MS = 3_600_000;
const WARM_UP_REQUESTS = 50;
const WARM_UP_MS_MAX = 3_000;

class FrontDoor implements OrchestratorService {
  readonly #parts: Parts;
  readonly #recentUsers: RecentUsers;
  readonly #quality: World['quality'];
  readonly #localField: LocalField | undefined;
  readonly #noise = new ExactNoise();
  #filters: ItemFilters | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#recentUsers = new RecentUsers(parts.config, parts.rememberMsMax);
    this.#quality = newQuality(parts.config);
    const { localPrivacy } = parts.config;
    this.#localField = localPrivacy && new LocalField(localPrivacy);
  }

  async recommend(request: RecommendRequest, call: Call): Promise<RecommendResponse> {
    const { response } = await this.#answer(request, call, true);
    return response;
  }

  async similarItems(
    request: SimilarItemsRequest,
    call: Call,
  ): ReturnType<OrchestratorService['similarItems']> {
    const { config, catalogue: replica, routes, pseudonyms, futureHoursMax } = this.#parts;
    const { catalogue } = replica;
    const seed = catalogue.ordinalOf(checkId(request.itemId, 'item_id'));
    if (seed === undefined) throw fieldError('item_id', 'is not in the catalogue', 'ITEM_UNKNOWN');
    const userId = request.userId === '' ? '' : checkId(request.userId, 'user_id');
    const route = routes.route(userId);
    const nowMs = systemClock.nowMs();
    const context = contextOf(request.context, route, nowMs);
    const query: Query = {
      ...namesOf(userId, { pseudonyms, nowMs, futureHoursMax }),
      context,
      recordsFeatures: recordsFeatures(context.requestId, config.recordFeatures),
      limit: checkedLimit(request.limit, config),
      seeds: Uint32Array.of(seed),
      excluded: new Uint32Array(
        new Set([seed, ...resolved(request.excludeItems, 'exclude_items', catalogue)]),
      ),
    };
    const { response } = await this.#run(query, { userId, ...route }, call, true);
    return { response: { ...response, nextPageToken: '' } };
  }

  async explain(
    { request }: { request?: RecommendRequest | undefined },
    call: Call,
  ): ReturnType<OrchestratorService['explain']> {
    if (request === undefined) throw fieldError('request', 'is missing');
    const { response, slate } = await this.#answer(request, call, false);
    const { catalogue } = this.#parts.catalogue;
    return {
      response,
      candidates: explainedCandidates(slate, (ordinal) => ({
        id: catalogue.idOf(ordinal),
        title: catalogue.item(ordinal)?.title ?? '',
      })),
      firings: firingTexts(slate, catalogue),
      unmet: unmetTexts(slate),
      sourceErrors: { ...slate.sourceErrors },
    };
  }

  async getDecision(
    { requestId }: { requestId: string },
    call: Call,
  ): ReturnType<OrchestratorService['getDecision']> {
    const { decision, timeMs } = await this.#parts.peers.logging.getDecision(
      { requestId: checkId(requestId, 'request_id') },
      call,
    );
    return { decision, timeMs };
  }

  async recordFeedback(
    { events }: Parameters<OrchestratorService['recordFeedback']>[0],
    call: Call,
  ): ReturnType<OrchestratorService['recordFeedback']> {
    const { peers, catalogue, tokens, recorder, pseudonyms } = this.#parts;
    const world = {
      ...peers,
      catalogue: catalogue.catalogue,
      tokens,
      pseudonyms,
      recorder,
      recentUsers: this.#recentUsers,
      nowMs: systemClock.nowMs(),
      futureHoursMax: this.#parts.futureHoursMax,
      seenSeconds: this.#parts.filtering.seen,
      localField: this.#localField,
      noise: this.#noise,
    };
    return recordFeedback(events, world, call);
  }

  /** A decision about the person that waits here bears an earlier time, and the log drops it. */
  async forgetUser(
    { userId }: { userId: string },
    call: Call,
  ): ReturnType<OrchestratorService['forgetUser']> {
    const { peers, pseudonyms } = this.#parts;
    const names = this.#namesNow(checkId(userId, 'user_id'));
    const statuses: ForgetStatus[] = [];
    for (const name of names) {
      const { status } = await peers.logging.forgetUser({ userId: name }, call);
      if (status !== undefined) statuses.push(status);
    }
    this.#recentUsers.forget(pseudonyms.lasting(userId));
    return { status: togetherOf(statuses, names.length - statuses.length) };
  }

  async getForgetStatus(
    { userId }: { userId: string },
    call: Call,
  ): ReturnType<OrchestratorService['getForgetStatus']> {
    const { peers, pseudonyms } = this.#parts;
    if (userId === '') return peers.logging.getForgetStatus({ userId }, call);
    const names = this.#namesNow(checkId(userId, 'user_id'));
    const found = await Promise.all(
      names.map((name) => peers.logging.getForgetStatus({ userId: name }, call)),
    );
    const asked = found.flatMap(({ statuses }) => statuses);
    const askedMs = Math.max(...asked.map(({ requestedMs }) => requestedMs));
    const later = names.length - pseudonyms.upTo(userId, askedMs).length;
    const unasked = found.filter(({ statuses }, i) => i >= later && statuses.length === 0).length;
    const together = togetherOf(asked, unasked);
    return { statuses: together === undefined ? [] : [together] };
  }

  #namesNow(userId: string): string[] {
    return allNamesOf(userId, { ...this.#parts, nowMs: systemClock.nowMs() });
  }

  /** Runs requests that nobody sees, so that the first real one does not pay for compilation and cold caches. */
  async warmUp(bundle: string): Promise<void> {
    const { config, peers, routes } = this.#parts;
    const untilMs = performance.now() + WARM_UP_MS_MAX;
    for (let i = 0; i < WARM_UP_REQUESTS && performance.now() < untilMs; i++) {
      await routes.host.use(bundle, ({ items: fallback }) => {
        const context = contextOf(undefined, { bundle, variant: '' }, systemClock.nowMs());
        const seeds = fallback.slice(i, i + 1 + (i % 5));
        const query: Query = {
          userId: '',
          earlierIds: [],
          lastingId: '',
          context,
          limit: config.limitDefault,
          seeds,
          excluded: seeds,
          recordsFeatures: false,
        };
        return cascade(query, this.#world(newQuality(config), fallback), peers, rootCall());
      });
    }
  }

  #world(quality: World['quality'], fallback: Uint32Array): World {
    const { config, catalogue: replica, routes } = this.#parts;
    const { catalogue } = replica;
    this.#filters ??= new ItemFilters(catalogue, this.#parts.filtering);
    return {
      config,
      catalogue,
      recentUsers: this.#recentUsers,
      quality,
      filters: this.#filters,
      fallback,
      readsUserState: (stage) => routes.readsUserState(stage),
    };
  }

  #answer(
    request: RecommendRequest,
    call: Call,
    logged: boolean,
  ): Promise<{ response: RecommendResponse; slate: Slate }> {
    const { catalogue, routes } = this.#parts;
    const route = routes.route(request.userId);
    const world = { ...this.#parts, catalogue: catalogue.catalogue, nowMs: systemClock.nowMs() };
    const query = recommendQuery(request, route, world, logged);
    return this.#run(query, { userId: request.userId, ...route }, call, logged);
  }

  #run(
    query: Query,
    asked: Asked,
    call: Call,
    logged: boolean,
  ): Promise<{ response: RecommendResponse; slate: Slate }> {
    const { config, peers, catalogue: replica, routes, recorder } = this.#parts;
    const { catalogue } = replica;
    return routes.host.use(query.context.bundle, async ({ items: fallback }) => {
      const slate = await cascade(query, this.#world(this.#quality, fallback), peers, call);
      if (logged) recorder.record(decisionEvent(query, slate, catalogue, config.recordSample));
      return { slate, response: this.#respond(query, slate, asked) };
    });
  }

  #respond(query: Query, slate: Slate, { userId, substituted }: Asked): RecommendResponse {
    const { catalogue: replica, recorder, tokens } = this.#parts;
    const { catalogue } = replica;
    const { requestId, bundle, variant } = query.context;
    const { items, columns } = slate.items;
    const scores = columns.get(Columns.reranking);
    const propensities = columns.get(Columns.propensity);
    const sources = [...columns]
      .filter(([name]) => name.endsWith('.rank'))
      .map(([name, ranks]) => ({ name: name.split('.')[1], ranks }));
    const degraded = [...slate.degraded];
    if (substituted) degraded.push(DegradedReason.DEGRADED_REASON_BUNDLE_SUBSTITUTED);
    if (recorder.spooling) degraded.push(DegradedReason.DEGRADED_REASON_LOG_SPOOLED);
    return {
      requestId,
      items: Array.from(items, (item, position) => {
        const itemId = catalogue.idOf(item);
        const propensity = propensities?.[position] ?? 1;
        return {
          itemId,
          score: scores?.[position] ?? 0,
          sources: sources.filter(({ ranks }) => ranks[position] > 0).map(({ name }) => name),
          propensity,
          attributionToken: tokens.attribution(userId, itemId, { requestId, position, propensity }),
        };
      }),
      bundle,
      variant,
      stages: [...slate.stages],
      degraded,
      nextPageToken:
        items.length < query.limit
          ? ''
          : tokens.page(userId, catalogue.lineage, Uint32Array.of(...query.excluded, ...items)),
    };
  }
}

const REMOVAL_PREFIX = 'REMOVAL_REASON_';
const REMOVAL_NAMES = new Map(
  Object.entries(RemovalReason).map(([name, reason]) => [
    reason as number,
    name.slice(REMOVAL_PREFIX.length),
  ]),
);

function explainedCandidates(
  slate: Slate,
  itemOf: (ordinal: number) => { id: string; title: string },
): ExplainedCandidate[] {
  const shown = new Map(Array.from(slate.items.items, (item, position) => [item, position]));
  const scoresOf = {
    slate: scoreReader(slate.items),
    ranked: scoreReader(slate.ranked),
    retrieved: scoreReader(slate.retrieved),
  };
  const rankedRow = new Map(Array.from(slate.ranked.items, (item, row) => [item, row]));
  return Array.from(slate.retrieved.items, (item, row) => {
    const position = shown.get(item);
    const ranked = rankedRow.get(item);
    const scores =
      position !== undefined
        ? scoresOf.slate(position)
        : ranked !== undefined
          ? scoresOf.ranked(ranked)
          : scoresOf.retrieved(row);
    const { id, title } = itemOf(item);
    const removed = REMOVAL_NAMES.get(slate.removed.get(item) ?? 0) ?? 'UNSPECIFIED';
    const outcome = position !== undefined ? 'SHOWN' : slate.removed.has(item) ? removed : 'NOT_SELECTED';
    return { itemId: id, title, scores, outcome, position: position ?? 0 };
  });
}
