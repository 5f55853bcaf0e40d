import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BundleStore } from '../../../common/bundle/store.ts';
import { pause, systemClock } from '../../../common/clock.ts';
import type { ConfigSource } from '../../../common/config.ts';
import { type LakeConfig, lakeConfig } from '../../../common/lake/config.ts';
import type { LogRecord, RecordLog, RecordPlace } from '../../../common/log/record-log.ts';
import { rightsSchema } from '../../../common/rights/config.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import type { Event, ForgetStatus } from '../../../gen/millrace/logging/v1/logging.ts';
import type { Consumers } from '../consumers.ts';
import type { EventLog } from '../stage.ts';
import { bundlesKnowing } from './bundles.ts';
import { announcement, tracesOf, unfriending } from './log-search.ts';
import { type ForgetRequest, ForgetRequests, STORES, type Store } from './requests.ts';

const HOUR_MS = 3_600_000;
const FEATURES = 'features';
const LAKE = 'lake';

interface Parts {
  readonly source: ConfigSource;
  readonly records: RecordLog;
  readonly events: EventLog;
  readonly consumers: Consumers;
  readonly log: Logger;
}

/** What a store has to say: that it is done, or what it waits for. */
interface Outcome {
  readonly done: boolean;
  readonly detail: string;
}
const done = (detail: string): Outcome => ({ done: true, detail });
const pending = (detail: string): Outcome => ({ done: false, detail });

/**
 * Forgets people, store by store, until nothing is pending; what a crash cut off is done again. First the log says that a person is
 * forgotten, so that every fold hears of it in its place; then their records are erased in the log and taken out of the lake; when all
 * who keep a state of their own have committed it beyond the announcement, the announcement is erased and the request forgets the id.
 */
export class Forgetting {
  readonly #parts: Parts;
  readonly #config: ReturnType<typeof rightsSchema.parse>;
  readonly #lake: LakeConfig;
  readonly #bundles: BundleStore;
  readonly #requests: ForgetRequests;
  readonly #stopping = new AbortController();
  #wake: () => void = () => {};
  readonly #running: Promise<void>;

  private constructor(parts: Parts, requests: ForgetRequests) {
    this.#parts = parts;
    this.#config = parts.source.section('rights', rightsSchema);
    this.#lake = lakeConfig(parts.source);
    this.#bundles = new BundleStore(join(parts.source.home, 'bundles'));
    this.#requests = requests;
    this.#running = this.#run();
  }

  /** Goes on with what is pending. */
  static async open(parts: Parts): Promise<Forgetting> {
    return new Forgetting(parts, await ForgetRequests.open(parts.source.home));
  }

  /** Records a request; answers the one under way if there is one. Durable on return. */
  async request(userId: string): Promise<ForgetStatus> {
    const known = this.#requests.about(userId);
    if (known !== undefined && known.userId !== null) {
      await this.#requests.save();
      this.#wake();
      return statusOf(known);
    }
    const nowMs = systemClock.nowMs();
    const deadlineMs = nowMs + this.#config.forgetDeadlineHours * HOUR_MS;
    const request = await this.#requests.add(userId, nowMs, deadlineMs);
    this.#wake();
    return statusOf(request);
  }

  /** The latest request about a user, or every one. */
  statuses(userId: string | undefined): ForgetStatus[] {
    if (userId === undefined) return this.#requests.all.map(statusOf);
    const request = this.#requests.about(userId);
    return request === undefined ? [] : [statusOf(request)];
  }

  /**
   * Appends what may be recorded. What a forgotten person did before asking is answered like a duplicate, at offset 0, and dropped.
   * `events`: of the records.
   */
  async append(records: readonly LogRecord[], events: readonly Event[]): Promise<RecordPlace[]> {
    const kept = records.filter((_, i) => !this.#isForgotten(events[i]));
    if (kept.length === records.length) return this.#parts.events.append(records);
    const places = kept.length === 0 ? [] : await this.#parts.events.append(kept);
    let next = 0;
    return records.map((record) => (record === kept[next] ? places[next++] : { offset: 0, duplicate: true }));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  #isForgotten({ feedback, decision, user, timeMs }: Event): boolean {
    const userId = feedback?.userId ?? decision?.userId ?? user?.id;
    return userId !== undefined && this.#requests.isForgotten(userId, timeMs);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const open = this.#requests.all.filter(({ userId }) => userId !== null);
      for (const request of open) if (!signal.aborted) await this.#advance(request);
      this.#measure();
      if (signal.aborted) return;
      const left = this.#requests.all.some(({ userId }) => userId !== null);
      const retry = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const waited = left ? pause(this.#config.forgetRetrySeconds * 1_000, retry.signal) : woken;
      await Promise.race([woken, waited]);
      retry.abort();
    }
  }

  #measure(): void {
    const nowMs = systemClock.nowMs();
    const open = this.#requests.all.filter(({ userId }) => userId !== null);
    const overdue = open.filter(({ deadlineMs }) => deadlineMs < nowMs).length;
    metrics.forgetPending.set({ overdue: 'yes' }, overdue);
    metrics.forgetPending.set({ overdue: 'no' }, open.length - overdue);
  }

  async #advance(request: ForgetRequest): Promise<void> {
    const work: Record<Store, (userId: string, barrier: number) => Promise<Outcome>> = {
      log: (userId, barrier) => this.#fromLog(userId, barrier),
      lake: (userId, barrier) => this.#fromLake(userId, barrier),
      features: async (_, barrier) => this.#committed((name) => name === FEATURES, barrier, true),
      consumers: async (_, barrier) =>
        this.#committed((name) => name !== FEATURES && name !== LAKE, barrier, false),
      bundles: (userId) => this.#fromBundles(userId),
      caches: async () => done('no front door keeps a state in memory for longer than until the deadline'),
      request: (userId, barrier) => this.#fromRequest(request, userId, barrier),
    };
    const userId = request.userId as string;
    try {
      request.barrier ??= await this.#announce(request, userId);
      for (const store of STORES) {
        const state = request.stores[store];
        if (state.doneMs !== null || this.#stopping.signal.aborted) continue;
        const outcome = await work[store](userId, request.barrier).catch((error: Error) => {
          this.#parts.log.warn({ err: error, store, request: request.id }, 'a person is not forgotten yet');
          return pending(error.message);
        });
        if (!outcome.done && outcome.detail === state.detail) continue;
        request.stores[store] = { doneMs: outcome.done ? systemClock.nowMs() : null, detail: outcome.detail };
        await this.#requests.save();
      }
    } catch (error) {
      this.#parts.log.warn({ err: error, request: request.id }, 'a person is not forgotten yet');
    }
  }

  /**
   * Says in the log that the person is forgotten, takes them from the attributes of those who named them as a friend, and says it
   * again, so that whoever makes a snapshot when it hears of it makes one without them. Answers the offset after all that, which
   * is durable.
   */
  async #announce(request: ForgetRequest, userId: string): Promise<number> {
    const { events, records } = this.#parts;
    const { id, requestedMs } = request;
    await events.append([announcement(id, 1, { userId }, requestedMs)]);
    const { unfriended } = await tracesOf(userId, records);
    const nowMs = systemClock.nowMs();
    for (const user of unfriended) await events.append([unfriending(id, user, nowMs)]);
    const [{ offset }] = await events.append([announcement(id, 2, { userId }, requestedMs)]);
    request.barrier = offset + 1;
    await this.#requests.save();
    return request.barrier;
  }

  async #fromLog(userId: string, barrier: number): Promise<Outcome> {
    const { records } = this.#parts;
    const { offsets } = await tracesOf(userId, records, barrier);
    await records.erase(offsets);
    return done(`${offsets.length} records erased`);
  }

  async #fromLake(userId: string, barrier: number): Promise<Outcome> {
    if (this.#lake.s3 === undefined && !existsSync(this.#lake.folder)) return done('there is no lake');
    const { Roller } = await import('../../../common/lake/roller.ts');
    await using roller = await Roller.open(this.#lake);
    const rows = await roller.forget(userId, barrier);
    return done(`${rows} rows taken out`);
  }

  /** Whether consumers have made a state durable that knows of the announcement. */
  #committed(isMeant: (name: string) => boolean, barrier: number, isNeeded: boolean): Outcome {
    const meant = [...this.#parts.consumers.committed].filter(([name]) => isMeant(name));
    if (meant.length === 0 && isNeeded) return pending('no snapshot was committed yet');
    const behind = meant.filter(([, offset]) => offset < barrier).map(([name]) => name);
    if (behind.length > 0) return pending(`waits for ${behind.join(', ')} to commit offset ${barrier}`);
    return done(
      meant.length === 0 ? 'there are none' : `${meant.map(([name]) => name).join(', ')} committed`,
    );
  }

  async #fromBundles(userId: string): Promise<Outcome> {
    const knowing = await bundlesKnowing(this.#bundles, userId);
    if (knowing.length === 0) return done('no bundle knows the user by id');
    return pending(`${knowing.join(', ')} must be replaced: train and promote bundles without the user`);
  }

  /** The last step: what was kept so that everyone hears of it. */
  async #fromRequest(request: ForgetRequest, userId: string, barrier: number): Promise<Outcome> {
    const left = STORES.filter((store) => store !== 'request' && request.stores[store].doneMs === null);
    if (left.length > 0) return pending(`waits for ${left.join(', ')}`);
    const { offsets, announcements } = await tracesOf(userId, this.#parts.records, barrier);
    await this.#parts.records.erase([...offsets, ...announcements]);
    request.userId = null;
    return done('the id is kept no more');
  }
}

function statusOf({ id, requestedMs, deadlineMs, userId, stores }: ForgetRequest): ForgetStatus {
  return {
    requestId: id,
    requestedMs,
    deadlineMs,
    done: userId === null,
    stores: STORES.map((store) => ({
      store,
      doneMs: stores[store].doneMs ?? 0,
      detail: stores[store].detail,
    })),
  };
}
