import { pause } from '../../common/clock.ts';
import { asMillraceError } from '../../common/errors.ts';
import type { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import type { OrchestratorService } from '../../common/rpc/services.ts';
import {
  FeedbackEvent,
  RecommendRequest,
  type RecommendResponse,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action, DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { ExactTruth } from './exact-truth.ts';

const LIMIT_DEFAULT = 10;
const CONCURRENCY = 8;
const ACTIONS = [Action.ACTION_CLICK, Action.ACTION_VIEW, Action.ACTION_HIDE] as const;
const STAGES = ['features', 'candidates', 'filtering', 'ranking', 'reranking', 'guard'] as const;
const REASON_PREFIX = 'DEGRADED_REASON_';
const REASON_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(DegradedReason).map(([name, value]) => [value as number, name.slice(REASON_PREFIX.length)]),
);

export interface DriverOptions {
  readonly door: OrchestratorService;
  readonly users: readonly string[];
  readonly random: Random;
  /** The deadline that the driver sets for each call, milliseconds. */
  readonly deadlineMs: number;
  /** Items that each request asks for. Default 10. */
  readonly limit?: number;
  /** See `ExactTruth`. */
  readonly isPast?: (userId: string, itemId: string) => boolean;
}

/** What a stretch of time must look like. */
export interface Expected {
  /** Every answer says that it is degraded. */
  readonly degraded?: boolean;
  /** Feedback may be refused, as LOG_UNAVAILABLE. */
  readonly logAway?: boolean;
}

/** What a stretch of traffic came to. */
export class Tally {
  requests = 0;
  /** Items in all answers. */
  shown = 0;
  readonly latenciesMs: number[] = [];
  /** Answers by degraded reason; `NONE` for answers that were not degraded. */
  readonly reasons = new Map<string, number>();
  /** Answers by bundle. */
  readonly bundles = new Map<string, number>();
  readonly violations: string[] = [];
  feedbackAcknowledged = 0;
  feedbackRefused = 0;

  quantileMs(q: number): number {
    const sorted = this.latenciesMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  }
}

/**
 * People who ask for recommendations, act on what they get and hide some of it, and who hold every answer against what they
 * know. Feedback that was refused is kept to be sent again with the same event id.
 */
export class Driver {
  readonly truth: ExactTruth;
  /** Event ids acknowledged. */
  readonly acknowledged = new Set<string>();
  readonly #options: DriverOptions;
  readonly #limit: number;
  readonly #last = new Map<string, RecommendResponse>();
  #refused: FeedbackEvent[] = [];
  #expected: Expected = {};
  #tally: Tally | undefined;
  #eventCount = 0;

  constructor(options: DriverOptions) {
    this.truth = new ExactTruth(options.isPast);
    this.#limit = options.limit ?? LIMIT_DEFAULT;
    this.#options = options;
  }

  /** Events that were refused and not yet acknowledged. */
  get refusedCount(): number {
    return this.#refused.length;
  }

  /** What the traffic under way must see from now on. */
  expect(expected: Expected): void {
    this.#expected = expected;
  }

  /** Asks once for every user. */
  async greetAll(): Promise<void> {
    const tally = new Tally();
    for (const user of this.#options.users) await this.#recommend(user, tally);
    if (tally.violations.length > 0) throw new Error(`before any fault: ${tally.violations[0]}`);
  }

  /** Sends at least so many recommendations, some at a time, with feedback after every third, until `until` has come too. */
  async run(requests: number, until: Promise<unknown> = Promise.resolve()): Promise<Tally> {
    const tally = new Tally();
    this.#tally = tally;
    let waiting = true;
    until.then(
      () => (waiting = false),
      () => (waiting = false),
    );
    const person = async (): Promise<void> => {
      while (waiting || tally.requests < requests) {
        const number = tally.requests++;
        const user = this.#options.users[this.#options.random.int(this.#options.users.length)];
        await this.#recommend(user, tally);
        if (number % 3 === 0) await this.#act(user, tally);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, person));
    return tally;
  }

  /** Answers when the traffic under way has come to so many requests. */
  async reached(requests: number): Promise<void> {
    while ((this.#tally?.requests ?? 0) < requests) await pause(2);
  }

  /** Sends what was refused again, until all is acknowledged or the time is over. */
  async retry(timeoutMs: number): Promise<void> {
    const endMs = Date.now() + timeoutMs;
    while (this.#refused.length > 0 && Date.now() < endMs) {
      const [event] = this.#refused;
      if ((await this.#send([event]).catch(asMillraceError)) === undefined) this.#refused.shift();
      else await pause(50);
    }
  }

  async #recommend(userId: string, tally: Tally): Promise<void> {
    const { request, excluded } = this.#request(userId);
    const forbidden = { userId, asOf: this.truth.now, excluded };
    const silenceForbidden = this.#expected.degraded === true;
    const startedAt = performance.now();
    try {
      const call = rootCall({ timeoutMs: this.#options.deadlineMs });
      const response = await this.#options.door.recommend(request, call);
      tally.latenciesMs.push(performance.now() - startedAt);
      this.#last.set(userId, response);
      tally.shown += response.items.length;
      const pastUnknown = response.degraded.includes(DegradedReason.DEGRADED_REASON_SEEN_UNCHECKED);
      const ids = response.items.map(({ itemId }) => itemId);
      tally.violations.push(
        ...this.truth.faults(ids, forbidden, pastUnknown),
        ...formFaults(response, this.#limit),
      );
      if (silenceForbidden && this.#expected.degraded && response.degraded.length === 0)
        tally.violations.push('DEGRADED_UNSAID');
      note(tally, response);
    } catch (thrown) {
      const { reason, message } = asMillraceError(thrown);
      tally.latenciesMs.push(performance.now() - startedAt);
      tally.violations.push(`NO_ANSWER ${reason}: ${message}`);
    }
  }

  /** Excludes half of what the user got last, or goes on to the page after it. */
  #request(userId: string): { request: RecommendRequest; excluded: ReadonlySet<string> } {
    const { random } = this.#options;
    const last = this.#last.get(userId);
    const lastIds = last?.items.map(({ itemId }) => itemId) ?? [];
    const paged = last !== undefined && last.nextPageToken !== '' && random.next() < 0.2;
    const excluded = new Set(paged ? lastIds : lastIds.filter(() => random.next() < 0.5));
    const request = RecommendRequest.fromPartial({
      userId,
      limit: this.#limit,
      ...(paged ? { pageToken: last.nextPageToken } : { excludeItems: [...excluded] }),
    });
    return { request, excluded };
  }

  async #act(userId: string, tally: Tally): Promise<void> {
    const { random } = this.#options;
    const items = this.#last.get(userId)?.items ?? [];
    if (items.length === 0) return;
    const { itemId, attributionToken } = items[random.int(items.length)];
    const action = ACTIONS[random.int(ACTIONS.length)];
    const event = { ...this.#event(userId, itemId, action), attributionToken };
    const mayRefuse = this.#expected.logAway === true;
    try {
      await this.#send([event]);
      tally.feedbackAcknowledged++;
    } catch (thrown) {
      const { reason, message } = asMillraceError(thrown);
      this.#refused.push(event);
      tally.feedbackRefused++;
      if (!mayRefuse || reason !== 'LOG_UNAVAILABLE') tally.violations.push(`FEEDBACK ${reason}: ${message}`);
    }
  }

  #event(userId: string, itemId: string, action: Action): FeedbackEvent {
    return FeedbackEvent.fromPartial({ eventId: `driver-${this.#eventCount++}`, userId, itemId, action });
  }

  /** Throws what the front door answers. */
  async #send(events: FeedbackEvent[]): Promise<void> {
    await this.#options.door.recordFeedback({ events }, rootCall({ timeoutMs: this.#options.deadlineMs }));
    for (const { eventId, userId, itemId, action } of events) {
      this.acknowledged.add(eventId);
      this.truth.acted(userId, itemId, action === Action.ACTION_HIDE);
    }
  }
}

/** Every stage is named, one bundle answered from end to end, and a short list says so. */
function formFaults({ stages, bundle, items, degraded }: RecommendResponse, limit: number): string[] {
  const faults: string[] = [];
  for (const name of STAGES)
    if (!stages.some(({ stage }) => stage === name)) faults.push(`STATUS_MISSING ${name}`);
  for (const { stage, bundle: used } of stages)
    if (used !== '' && used !== bundle) faults.push(`BUNDLE_MIXED ${stage}: ${used} in ${bundle}`);
  if (items.length < limit && !degraded.includes(DegradedReason.DEGRADED_REASON_UNDERFILLED))
    faults.push(`SHORT_UNSAID ${items.length}`);
  return faults;
}

function note(tally: Tally, { bundle, stages, degraded }: RecommendResponse): void {
  const add = (counts: Map<string, number>, key: string): void => {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  add(tally.bundles, bundle);
  if (degraded.length === 0) add(tally.reasons, 'NONE');
  for (const { stage, degraded: reasons } of stages)
    for (const reason of reasons) add(tally.reasons, `${stage}:${REASON_NAMES.get(reason)}`);
  if (degraded.includes(DegradedReason.DEGRADED_REASON_LOG_SPOOLED))
    add(tally.reasons, 'logging:LOG_SPOOLED');
}
