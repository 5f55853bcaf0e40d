import { pause } from '../../../common/clock.ts';
import { asMillraceError } from '../../../common/errors.ts';
import type { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { FeaturesService, LoggingService, OrchestratorService } from '../../../common/rpc/services.ts';
import { decodeUser } from '../../../common/user-state.ts';
import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import {
  FeedbackEvent,
  RecommendRequest,
  type RecommendResponse,
} from '../../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action, AttributeValue } from '../../../gen/millrace/type/v1/type.ts';
import { tinyItem } from '../../support/tiny-world.ts';
import type { SeenState } from './states.ts';

const LIMIT = 10;
const CONCURRENCY = 8;
const CALL_MS = 10_000;
const RETRY_MS = 100;
const DAY_MS = 86_400_000;
const DEVICES = ['phone', 'tv', 'desktop', ''];
const LOCALES = ['de-CH', 'en-GB', 'fr', ''];
const CATEGORIES = ['Western', 'Space', 'Romance', 'Crime', 'Nature', 'Silent', 'Short'];
const LANGUAGES = ['de', 'en', 'fr', 'rm'];
const PEOPLE = ['Ada', 'Blaise', 'Carl', 'Dorothy', 'Emmy'];
const TAGS = ['slow', 'loud', 'funny', 'sad', 'long'];
const ACTIONS = [
  Action.ACTION_VIEW,
  Action.ACTION_CLICK,
  Action.ACTION_CLICK,
  Action.ACTION_PURCHASE,
  Action.ACTION_RATING,
  Action.ACTION_WATCH,
  Action.ACTION_LIKE,
  Action.ACTION_DISLIKE,
  Action.ACTION_COMMENT,
  Action.ACTION_SHARE,
  Action.ACTION_HIDE,
  Action.ACTION_SUBSCRIBE,
] as const;

export interface TrafficParts {
  readonly door: OrchestratorService;
  readonly features: FeaturesService;
  readonly logging: LoggingService;
  readonly users: readonly string[];
  /** Ordinals 0 up to this have the ids `item-<ordinal>`. */
  readonly items: number;
  readonly random: Random;
}

/** What was sent. */
export interface Sent {
  requests: number;
  failed: number;
  feedback: number;
  late: number;
  duplicates: number;
  /** Feedback on items that the catalogue did not have yet. */
  early: number;
  catalogueChanges: number;
  userChanges: number;
  preferences: number;
}

/**
 * People who ask and act while the catalogue and their attributes change: feedback that is late by up to a month, out of order
 * within a call, sent twice with one id, and on items that are added only later.
 */
export class Traffic {
  readonly sent: Sent = {
    requests: 0,
    failed: 0,
    feedback: 0,
    late: 0,
    duplicates: 0,
    early: 0,
    catalogueChanges: 0,
    userChanges: 0,
    preferences: 0,
  };
  /** Ids of the requests answered. */
  readonly requestIds: string[] = [];
  /** Answers that knew the user and were ranked. */
  whole = 0;
  /** States of users, looked at in between. */
  readonly states: SeenState[] = [];
  readonly #parts: TrafficParts;
  readonly #ids: string[];
  /** Events already sent, to be sent again. */
  readonly #past: FeedbackEvent[] = [];
  #events = 0;

  constructor(parts: TrafficParts) {
    this.#parts = parts;
    this.#ids = Array.from({ length: parts.items }, (_, ordinal) => `item-${ordinal}`);
  }

  /** Sends so many requests, some at a time, with everything else in between. */
  async run(requests: number): Promise<void> {
    const until = this.sent.requests + requests;
    const person = async (): Promise<void> => {
      while (this.sent.requests < until) {
        const number = this.sent.requests++;
        const userId = this.#one(this.#parts.users);
        const response = await this.#recommend(userId);
        if (response === undefined) await pause(RETRY_MS);
        else if (number % 2 === 0) await this.#act(userId, response);
        if (number % 5 === 3) await this.#tried(() => this.#look());
        if (number % 25 === 7) await this.#tried(() => this.#edit(number));
        if (number % 40 === 9) await this.#tried(() => this.#describeUser());
        if (number % 40 === 19) await this.#tried(() => this.#prefer(number));
        if (number % 50 === 11) await this.#tried(() => this.#actEarly(number));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, person));
  }

  async #recommend(userId: string): Promise<RecommendResponse | undefined> {
    const context = { device: this.#one(DEVICES), locale: this.#one(LOCALES), surface: 'home', region: 'CH' };
    const request = RecommendRequest.fromPartial({ userId, limit: LIMIT, context });
    try {
      const response = await this.#parts.door.recommend(request, call());
      this.requestIds.push(response.requestId);
      const of = (name: string) => response.stages.find(({ stage }) => stage === name);
      if (of('features')?.degraded.length === 0 && of('ranking')?.implementation !== '') this.whole++;
      return response;
    } catch (thrown) {
      this.#failed(thrown);
      return undefined;
    }
  }

  /** Tells of what was shown, of what somebody did with some of it, and of other items; then perhaps all over again. */
  async #act(userId: string, { items }: RecommendResponse): Promise<void> {
    const { random } = this.#parts;
    const events = items.map((item) => this.#event(userId, item.itemId, item.attributionToken, true));
    for (const item of items)
      if (random.next() < 0.25) events.push(this.#event(userId, item.itemId, item.attributionToken));
    events.push(this.#event(userId, this.#one(this.#ids), ''));
    random.shuffle(events);
    if (this.#past.length > 0 && random.next() < 0.4) {
      events.push(this.#one(this.#past));
      this.sent.duplicates++;
    }
    await this.#tried(() => this.#parts.door.recordFeedback({ events }, call()));
    this.sent.feedback += events.length;
    this.#past.push(...events.slice(0, 3));
    if (random.next() < 0.1) {
      this.sent.duplicates += events.length;
      await this.#tried(() => this.#parts.door.recordFeedback({ events }, call()));
    }
  }

  #event(userId: string, itemId: string, attributionToken: string, impression = false): FeedbackEvent {
    const { random } = this.#parts;
    const action = impression ? Action.ACTION_IMPRESSION : this.#one(ACTIONS);
    const valued = action === Action.ACTION_RATING || action === Action.ACTION_WATCH;
    const isLate = random.next() < 0.3;
    if (isLate) this.sent.late++;
    return FeedbackEvent.fromPartial({
      eventId: `parity-${this.#events++}`,
      userId,
      itemId,
      action,
      attributionToken,
      timeMs: isLate ? Date.now() - Math.floor(random.next() ** 4 * 30 * DAY_MS) : 0,
      ...(valued ? { value: 1 + random.int(50) / 10 } : {}),
    });
  }

  async #look(): Promise<void> {
    const userId = this.#one(this.#parts.users);
    const { state } = await this.#parts.features.getUserState(
      { userId, earlierIds: [], parts: [], asOf: 0 },
      call(),
    );
    this.states.push({ userId, offset: decodeUser(state).offset, bytes: state });
  }

  /** A stated preference, straight into the log. */
  async #prefer(number: number): Promise<void> {
    const { random, users } = this.#parts;
    const categories = random.shuffle(CATEGORIES.slice()).slice(0, 1 + random.int(3));
    const event = Event.fromPartial({
      eventId: `prefer-${number}`,
      timeMs: Date.now(),
      feedback: {
        userId: this.#one(users),
        action: Action.ACTION_PREFER,
        categories,
        value: random.int(21) / 10 - 1,
      },
    });
    await this.#parts.logging.append({ events: [event] }, call());
    this.sent.preferences++;
  }

  /** Feedback on an item of the next batch, straight into the log, as an importer may bring it. */
  async #actEarly(number: number): Promise<void> {
    const event = Event.fromPartial({
      eventId: `early-${number}`,
      timeMs: Date.now(),
      feedback: {
        userId: this.#one(this.#parts.users),
        itemId: `item-${this.#ids.length + this.#parts.random.int(3)}`,
        action: Action.ACTION_CLICK,
      },
    });
    await this.#parts.logging.append({ events: [event] }, call());
    this.sent.early++;
  }

  /** New items and changed ones, blocks, blocks taken back, deletions. */
  async #edit(number: number): Promise<void> {
    const { features, random } = this.#parts;
    const itemIds = Array.from({ length: 3 }, () => this.#one(this.#ids));
    this.sent.catalogueChanges++;
    const kind = number % 5;
    if (kind === 0) {
      const first = this.#ids.length;
      const items = Array.from({ length: 3 }, (_, i) => this.#item(`item-${first + i}`));
      this.#ids.push(...items.map(({ id }) => id));
      await features.upsertItems({ items, expectedEpoch: 0 }, call());
    } else if (kind === 4) await features.block({ itemIds, reason: 'parity', untilMs: 0 }, call());
    else if (kind === 3) await features.unblock({ itemIds }, call());
    else if (kind === 2 && random.next() < 0.3)
      await features.deleteItems({ itemIds: itemIds.slice(0, 1) }, call());
    else {
      const items = [...new Set(itemIds)].map((id) => this.#item(id));
      await features.upsertItems({ items, expectedEpoch: 0 }, call());
    }
  }

  #item(id: string): Item {
    const { random } = this.#parts;
    const categories = random.shuffle(CATEGORIES.slice()).slice(0, random.int(4));
    return {
      ...tinyItem(random.int(5), random),
      id,
      categories,
      attributes: this.#itemAttributes(),
      availableFromMs: random.next() < 0.5 ? 0 : Date.now() - random.int(1_000) * DAY_MS,
    };
  }

  /** Some of what is known of films; now and then of another type than it should be. */
  #itemAttributes(): Item['attributes'] {
    const { random } = this.#parts;
    const some = (values: readonly string[]): AttributeValue =>
      AttributeValue.fromPartial({ texts: { values: values.filter(() => random.next() < 0.4) } });
    const all: Item['attributes'] = {
      year: AttributeValue.fromPartial({ number: 1950 + random.int(75) }),
      duration: AttributeValue.fromPartial(
        random.next() < 0.1 ? { text: 'long' } : { number: 60 + random.int(120) },
      ),
      language: AttributeValue.fromPartial({ text: this.#one(LANGUAGES) }),
      director: AttributeValue.fromPartial({ text: `director-${random.int(20)}` }),
      actors: some(PEOPLE),
      tags: some(TAGS),
    };
    return Object.fromEntries(Object.entries(all).filter(() => random.next() < 0.8));
  }

  async #describeUser(): Promise<void> {
    const { features, users, random } = this.#parts;
    const attributes = {
      age: AttributeValue.fromPartial({ number: 18 + random.int(60) }),
      friends: AttributeValue.fromPartial({
        texts: { values: Array.from({ length: random.int(4) }, () => this.#one(users)) },
      }),
      country: AttributeValue.fromPartial({ text: this.#one(['CH', 'DE', 'FR']) }),
      gender: AttributeValue.fromPartial({ text: this.#one(['f', 'm', 'x']) }),
      occupation: AttributeValue.fromPartial({ text: this.#one(['baker', 'nurse', 'pilot']) }),
      language: AttributeValue.fromPartial({ text: this.#one(LANGUAGES) }),
    };
    await features.upsertUsers({ users: [{ id: this.#one(users), attributes }] }, call());
    this.sent.userChanges++;
  }

  async #tried(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  /** A service that was killed may fail calls; a call that is wrong may not. */
  #failed(thrown: unknown): void {
    const error = asMillraceError(thrown);
    if (error.responsible === 'caller' && !BY_CHANCE.has(error.reason)) throw error;
    this.sent.failed++;
  }

  #one<T>(values: readonly T[]): T {
    return values[this.#parts.random.int(values.length)];
  }
}

/** Blocking what is deleted, and editing while somebody else does. */
const BY_CHANCE: ReadonlySet<string> = new Set(['ITEM_UNKNOWN', 'EPOCH_MISMATCH', 'CANCELLED']);

function call(): ReturnType<typeof rootCall> {
  return rootCall({ timeoutMs: CALL_MS });
}
