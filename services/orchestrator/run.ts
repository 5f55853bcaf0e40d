import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import type { Candidates } from '../../common/columns.ts';
import { asMillraceError, Code, MillraceError } from '../../common/errors.ts';
import type { ItemFilters } from '../../common/filters/item-filters.ts';
import type { Call } from '../../common/rpc/call.ts';
import type {
  CandidatesService,
  FeaturesService,
  FilteringService,
  LoggingService,
  RankingService,
  RerankingService,
} from '../../common/rpc/services.ts';
import { stageStatus } from '../../common/stage.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import type { User } from '../../common/user-state.ts';
import {
  DegradedReason,
  type Exploration,
  type RequestContext,
  StageStatus,
} from '../../gen/millrace/type/v1/type.ts';
import { Budget, type Quality } from './budget.ts';
import type { OrchestratorConfig, StageName } from './config.ts';
import type { RecentUsers } from './recent-users.ts';

/** The stages that the orchestrator calls. */
export interface Peers {
  readonly features: FeaturesService;
  readonly candidates: CandidatesService;
  readonly filtering: FilteringService;
  readonly ranking: RankingService;
  readonly reranking: RerankingService;
  readonly logging: LoggingService;
}

/** A checked request, ids resolved to ordinals. */
export interface Query {
  /** What the user's events are stored under. Empty: nobody, which only SimilarItems allows. */
  readonly userId: string;
  /** The same for other months, latest first: earlier ones, and the next where events may bear a time in it already. */
  readonly earlierIds: readonly string[];
  /** What the user is called in `RecentUsers`, in each month. */
  readonly lastingId: string;
  /** Without the user state. Names the bundle. */
  readonly context: RequestContext;
  readonly limit: number;
  readonly seeds: Uint32Array;
  /** Ordinals that the request excludes, those of earlier pages included. */
  readonly excluded: Uint32Array;
  /** Whether its record is to hold what the ranker's model was fed. */
  readonly recordsFeatures: boolean;
}

/** What ranking went by, as it says. */
export interface RankingTrail {
  /** 0: the bundle's. */
  readonly countersVersion: number;
  /** 0: unknown. */
  readonly catalogueEpoch: number;
  /** Empty: it gave no features. */
  readonly featureSchema: string;
  /** What the model was fed, f32 little-endian, a row a candidate as they were sent. */
  readonly features: Uint8Array;
  /** The row in `features` of each row of `Slate.ranked`. */
  readonly rows: Uint32Array;
}

/** What lasts longer than a request. */
export interface World {
  readonly config: OrchestratorConfig;
  readonly catalogue: Catalogue;
  readonly recentUsers: RecentUsers;
  readonly quality: Readonly<Record<StageName, Quality>>;
  /** The rules of the filtering stage, held here for every list that leaves. */
  readonly filters: ItemFilters;
  /** The bundle's vetted popular items. */
  readonly fallback: Uint32Array;
  /** Whether a stage gets the encoded user state. */
  readonly readsUserState: (stage: StageName) => boolean;
}

/** What a request comes to: the list, and everything that explanation and record need. */
export interface Slate {
  /** The items to show, in order, with all their columns. */
  readonly items: Candidates;
  /** All candidates in retrieval order. */
  readonly retrieved: Candidates;
  /** All candidates that were scored, with their scores. */
  readonly ranked: Candidates;
  /** Undefined if ranking was away. */
  readonly ranking: RankingTrail | undefined;
  /** Why a retrieved item is not among the ranked: RemovalReason by ordinal. */
  readonly removed: ReadonlyMap<number, number>;
  readonly user: User;
  readonly firings: readonly { rule: string; item: number; effect: string }[];
  /** Constraints that the slate of re-ranking does not keep. */
  readonly unmet: readonly { constraint: string; slots: number }[];
  readonly policyVersion: string;
  /** What was drawn, as re-ranking says: slots are those of its slate. */
  readonly exploration: readonly Exploration[];
  readonly sourceErrors: Readonly<Record<string, string>>;
  readonly stages: readonly StageStatus[];
  readonly degraded: readonly DegradedReason[];
}

/** One request on its way through the cascade: its time, its trail of statuses, and what later steps must know of earlier ones. */
export class CascadeRun {
  readonly query: Query;
  readonly world: World;
  readonly peers: Peers;
  readonly stages: StageStatus[] = [];
  readonly removed = new Map<number, number>();
  firings: Slate['firings'] = [];
  unmet: Slate['unmet'] = [];
  policyVersion = '';
  exploration: Slate['exploration'] = [];
  ranking: RankingTrail | undefined;
  sourceErrors: Record<string, string> = {};
  readonly #budget: Budget;
  readonly #acted = new Set<number>();

  constructor(query: Query, world: World, peers: Peers, call: Call) {
    this.query = query;
    this.world = world;
    this.peers = peers;
    this.#budget = new Budget(call, world.config);
  }

  /** The request's context as one stage gets it. */
  contextFor(stage: StageName, userState: Uint8Array): RequestContext {
    const { context } = this.query;
    const wanted = this.world.readsUserState(stage);
    return {
      ...context,
      userState: (wanted ? userState : NO_BYTES) as Buffer,
      quality: this.world.quality[stage].value,
    };
  }

  /** The candidates as one stage gets them: with external ids if it is configured so. */
  candidatesFor(stage: StageName, candidates: Candidates): Candidates {
    return this.world.config.sendItemIds.includes(stage)
      ? candidates.withIds((ordinal) => this.world.catalogue.idOf(ordinal))
      : candidates;
  }

  /** Why each item must not be shown, whatever the stages say: a RemovalReason, 0 where it may be. Notes what is undecided. */
  lastLook(stage: string, user: User, items: Uint32Array): Uint8Array {
    const { context } = this.query;
    const { removed, undecided } = this.world.filters.filter(items, {
      nowMs: context.timeMs,
      region: context.region,
      excluded: this.excluded(user),
      user,
    });
    if (undecided.length > 0) this.degrade(stage, DegradedReason.DEGRADED_REASON_FILTER_UNDECIDED);
    return removed;
  }

  /** What the request excludes and what the user did that the state does not know yet, each once. */
  excluded(user: User): Uint32Array {
    this.noteActed(user);
    return new Uint32Array(new Set([...this.query.excluded, ...this.#acted]));
  }

  /**
   * Keeps for this request what the user did that the state does not know: to be called when the state is taken, as another request
   * that gets a later state makes it forgotten.
   */
  noteActed({ offset }: User): void {
    for (const item of this.world.recentUsers.actedSince(this.query.lastingId, offset)) this.#acted.add(item);
  }

  /**
   * Calls one stage within its share of the time and notes how it went. Undefined if it failed, whatever the failure: the step
   * then does without.
   */
  async attempt<R extends { status?: StageStatus | undefined }>(
    stage: StageName,
    work: (call: Call) => Promise<R>,
  ): Promise<R | undefined> {
    const shareMs = this.#budget.shareMs(stage);
    const paceMs = this.#budget.paceMs(stage);
    const quality = this.world.quality[stage];
    const startedAt = performance.now();
    try {
      if (shareMs <= 0) throw new MillraceError('DEADLINE_SPENT', 'the deadline leaves no time');
      const response = await work(this.#budget.callFor(stage));
      this.#note(stage, response.status ?? stageStatus(stage), startedAt);
      if (quality.value < 1) this.degrade(stage, DegradedReason.DEGRADED_REASON_LOAD_SHED);
      return response;
    } catch (thrown) {
      this.#note(stage, NO_STATUS, startedAt);
      this.degrade(stage, reasonOf(asMillraceError(thrown)));
      return undefined;
    } finally {
      quality.observe(performance.now() - startedAt, paceMs);
      metrics.qualityRatio.set({ stage }, quality.value);
    }
  }

  /** Adds reasons to the latest status of the stage. */
  degrade(stage: string, ...reasons: DegradedReason[]): void {
    const status = this.stages.findLast((known) => known.stage === stage);
    if (status !== undefined) status.degraded = [...new Set([...status.degraded, ...reasons])];
    for (const reason of reasons) metrics.degradedTotal.inc({ stage, reason });
  }

  #note(stage: StageName, status: StageStatus, startedAt: number): void {
    const durationUs = Math.round((performance.now() - startedAt) * 1000);
    this.stages.push({ ...status, stage, durationUs });
    for (const reason of status.degraded) metrics.degradedTotal.inc({ stage, reason });
  }
}

const NO_BYTES = Buffer.alloc(0);
/** Of a stage that did not answer. */
const NO_STATUS: StageStatus = StageStatus.fromPartial({});

function reasonOf(error: MillraceError): DegradedReason {
  if (error.reason === 'DEADLINE_SPENT') return DegradedReason.DEGRADED_REASON_DEADLINE_SPENT;
  if (error.reason === 'RESPONSE_INVALID') return DegradedReason.DEGRADED_REASON_STAGE_INVALID_RESPONSE;
  if (error.code === Code.UNAVAILABLE) return DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE;
  if (error.code === Code.DEADLINE_EXCEEDED || error.code === Code.CANCELLED)
    return DegradedReason.DEGRADED_REASON_STAGE_TIMEOUT;
  return DegradedReason.DEGRADED_REASON_STAGE_FAILED;
}
