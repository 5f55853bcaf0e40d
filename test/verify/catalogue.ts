import { pause } from '../../common/clock.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import {
  contracts,
  type FeaturesService,
  type OrchestratorService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';
import { ExplainRequest, FeedbackEvent } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action, RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { Driver } from '../support/driver.ts';
import { Processes } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome, tinyPairs } from '../support/tiny-home.ts';
import { type TinyWorld, tinyItem } from '../support/tiny-world.ts';
import type { ProofOptions } from './proof.ts';

const USERS = 60;
const ITEMS = 400;
/** Wide, so that a slow machine does not make the answer a degraded one. */
const DEADLINE_MS = 10_000;
const BATCH = 500;
/** New items that share a word which no other item has. */
const GROUP = 5;
const RANK_MAX = 2 * GROUP;
const POPULAR_TIMEOUT_MS = 5_000;
const POLL_MS = 50;
/** Longer than the default, so that a slow machine does not turn a watcher away. */
const ACK_TIMEOUT_MS = 10_000;
const FOLLOWERS = ['candidates', 'filtering', 'ranking', 'reranking'] as const;

interface Amounts {
  readonly upserts: number;
  readonly blocks: number;
  readonly deletions: number;
}

/**
 * Adds items, blocks some and deletes some while people ask for recommendations, with every service a process of its own. Holds
 * if nothing blocked or deleted is in an answer requested after the call returned, a new item is found by its text as soon as
 * the upsert has returned and by popularity soon after people took to it, and every service has the same epoch and ordinals.
 */
export async function verifyCatalogue({ short, print }: ProofOptions): Promise<boolean> {
  const amounts = short
    ? { upserts: 1_000, blocks: 100, deletions: 20 }
    : { upserts: 10_000, blocks: 1_000, deletions: 100 };
  await using folder = await temporaryHome();
  const world = await makeTinyHome(folder.home, { users: USERS, items: ITEMS });
  await using processes = await Processes.start({
    home: folder.home,
    env: {
      MILLRACE__FEATURES__WATCH_ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS),
      MILLRACE__ORCHESTRATOR__DEADLINE_MS: String(DEADLINE_MS),
    },
  });
  const channels = new Map(
    Object.entries(processes.addresses).map(([name, address]) => [name, new Channel(address)]),
  );
  try {
    const run = new CatalogueRun(world, channels, print);
    await run.all(amounts);
    print(`violations in all: ${run.violations.length}`);
    for (const violation of [...new Set(run.violations)].slice(0, 20)) print(`  ${violation}`);
    return run.violations.length === 0;
  } finally {
    for (const channel of channels.values()) channel.close();
  }
}

class CatalogueRun {
  readonly violations: string[] = [];
  readonly #world: TinyWorld;
  readonly #channels: ReadonlyMap<string, Channel>;
  readonly #print: (line: string) => void;
  readonly #features: FeaturesService;
  readonly #door: OrchestratorService;
  readonly #driver: Driver;
  readonly #random = new Random(11);
  readonly #ids: string[];

  constructor(world: TinyWorld, channels: ReadonlyMap<string, Channel>, print: (line: string) => void) {
    this.#world = world;
    this.#channels = channels;
    this.#print = print;
    this.#features = this.#channel('features').client(contracts.features);
    this.#door = this.#channel('orchestrator').client(contracts.orchestrator);
    this.#driver = new Driver({
      door: this.#door,
      users: Array.from({ length: USERS }, (_, row) => `user-${row}`),
      random: new Random(12),
      deadlineMs: DEADLINE_MS,
    });
    this.#ids = Array.from({ length: ITEMS }, (_, ordinal) => `item-${ordinal}`);
  }

  async all({ upserts, blocks, deletions }: Amounts): Promise<void> {
    for (const [userId, itemId] of tinyPairs(this.#world)) this.#driver.truth.did(userId, itemId);
    await this.#driver.greetAll();
    let done = (): void => {};
    const traffic = this.#driver.run(0, new Promise<void>((resolve) => (done = resolve)));
    await this.#upsert(upserts);
    const gone = this.#random.shuffle(this.#ids.slice()).slice(0, blocks + deletions);
    await this.#timed(`${blocks} blocked`, () => this.#block(gone.slice(0, blocks)));
    await this.#timed(`${deletions} deleted`, () => this.#delete(gone.slice(blocks)));
    const left = this.#ids.filter((id) => !gone.includes(id));
    await this.#popular(left[left.length - 1]);
    done();
    const tally = await traffic;
    this.#print(
      `${tally.latenciesMs.length} recommendations meanwhile: p50 ${tally.quantileMs(0.5).toFixed(0)} ms, ` +
        `p99 ${tally.quantileMs(0.99).toFixed(0)} ms, ${tally.violations.length} violations`,
    );
    this.violations.push(...tally.violations);
    await this.#agree(upserts + blocks + deletions, new Set(gone.slice(0, blocks)), gone.slice(blocks));
  }

  async #upsert(count: number): Promise<void> {
    const tookMs: number[] = [];
    let looked = 0;
    let found = 0;
    for (let from = 0; from < count; from += BATCH) {
      const items = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => this.#newItem(from + i));
      const startedAt = performance.now();
      const { ordinals } = await this.#features.upsertItems({ items, expectedEpoch: 0 }, call());
      tookMs.push(performance.now() - startedAt);
      const first = this.#ids.length;
      if (ordinals.some((ordinal, i) => ordinal !== first + i))
        this.violations.push(`ORDINALS not consecutive from ${first}`);
      this.#ids.push(...items.map(({ id }) => id));
      for (let i = 0; i < 5; i++, looked++) {
        const at = from + GROUP * this.#random.int(items.length / GROUP);
        if (await this.#findsGroup(at)) found++;
      }
    }
    this.#print(
      `${count} upserted, ${BATCH} a call: ${Math.max(...tookMs).toFixed(0)} ms at most until every service knew; ` +
        `${found} of ${looked} found by text at once`,
    );
    if (found < looked) this.violations.push(`CONTENT ${looked - found} new items not found by their text`);
  }

  #newItem(number: number): Item {
    const word = `zorb${Math.floor(number / GROUP).toString(36)}lax`;
    const item = tinyItem(ITEMS + number, this.#random);
    return { ...item, id: `new-${number}`, text: `${word} `.repeat(6) };
  }

  /** Whether the items that share the word of new item `at` are among BM25's first when that item is the query. */
  async #findsGroup(at: number): Promise<boolean> {
    const request = { userId: 'newcomer', seedItems: [`new-${at}`] };
    const { candidates } = await this.#door.explain(ExplainRequest.fromPartial({ request }), call());
    const rankOf = new Map(
      candidates.map(({ itemId, scores }) => [itemId, scores['retrieval.bm25.rank'] ?? 0]),
    );
    return Array.from({ length: GROUP - 1 }, (_, i) => rankOf.get(`new-${at + 1 + i}`) ?? 0).every(
      (rank) => rank > 0 && rank <= RANK_MAX,
    );
  }

  async #block(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += 20) {
      const itemIds = ids.slice(from, from + 20);
      await this.#features.block({ itemIds, reason: 'proof', untilMs: 0 }, call());
      for (const itemId of itemIds) this.#driver.truth.gone(itemId, 'BLOCKED');
    }
  }

  async #delete(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += 10) {
      const itemIds = ids.slice(from, from + 10);
      await this.#features.deleteItems({ itemIds }, call());
      for (const itemId of itemIds) this.#driver.truth.gone(itemId, 'DELETED');
    }
  }

  /** Everybody clicks on the item; a newcomer must then be offered it for its popularity. */
  async #popular(itemId: string): Promise<void> {
    const events = Array.from({ length: USERS }, (_, row) =>
      FeedbackEvent.fromPartial({
        eventId: `popular-${row}`,
        userId: `fan-${row}`,
        itemId,
        action: Action.ACTION_CLICK,
      }),
    );
    await this.#door.recordFeedback({ events }, call());
    const startedAt = performance.now();
    for (;;) {
      const request = ExplainRequest.fromPartial({ request: { userId: 'newcomer', limit: 20 } });
      const { candidates } = await this.#door.explain(request, call());
      const rank = candidates.find((candidate) => candidate.itemId === itemId)?.scores[
        'retrieval.popularity.rank'
      ];
      const afterMs = performance.now() - startedAt;
      if (rank !== undefined && rank > 0) {
        this.#print(
          `a new item is number ${rank} by popularity ${afterMs.toFixed(0)} ms after ${USERS} clicks`,
        );
        return;
      }
      if (afterMs > POPULAR_TIMEOUT_MS) {
        this.violations.push(`POPULARITY ${itemId} not offered after ${USERS} clicks`);
        return;
      }
      await pause(POLL_MS);
    }
  }

  /** Every service has the same epoch, and the ordinals that the features service resolves mean the same items to the filters. */
  async #agree(changes: number, blocked: ReadonlySet<string>, deleted: readonly string[]): Promise<void> {
    const epochs: Record<string, number> = {};
    for (const name of FOLLOWERS) {
      const stage: StageService = this.#channel(name).client(contracts.stage);
      epochs[name] = (await stage.listBundles({}, call())).catalogueEpoch;
    }
    const filtering = this.#channel('filtering').client(contracts.filtering);
    const wrong: string[] = [];
    for (let from = 0; from < this.#ids.length; from += 5_000) {
      const ids = this.#ids.slice(from, from + 5_000);
      const { items, epoch } = await this.#features.resolve({ itemIds: ids, ordinals: [] }, call());
      epochs.features = epoch;
      const ordinals = Uint32Array.from(ids, (_, i) => from + i);
      const context = RequestContext.fromPartial({ requestId: 'proof', timeMs: Date.now() });
      const { removed } = await filtering.filter(
        { context, candidates: new Candidates(ordinals), excluded: Candidates.empty },
        call(),
      );
      const reasons = new Map(
        Array.from(removed.items, (item, row) => [item, removed.column(Columns.removalReason)[row]]),
      );
      for (const [i, id] of ids.entries()) {
        const { item, ordinal, blocked: isBlocked } = items[i];
        const isDeleted = deleted.includes(id);
        const expected = isDeleted
          ? RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM
          : blocked.has(id)
            ? RemovalReason.REMOVAL_REASON_BLOCKED
            : RemovalReason.REMOVAL_REASON_UNSPECIFIED;
        const resolvesWell = isDeleted
          ? item === undefined
          : item?.id === id && ordinal === from + i && isBlocked === blocked.has(id);
        if (!resolvesWell || (reasons.get(from + i) ?? 0) !== expected) wrong.push(id);
      }
    }
    this.#print(`epochs: ${JSON.stringify(epochs)}; ${wrong.length} of ${this.#ids.length} ordinals differ`);
    if (Object.values(epochs).some((epoch) => epoch !== ITEMS + changes))
      this.violations.push(`EPOCHS ${JSON.stringify(epochs)}; ${ITEMS + changes} expected`);
    if (wrong.length > 0) this.violations.push(`ORDINALS differ: ${wrong.slice(0, 5).join(', ')}`);
  }

  async #timed(what: string, work: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await work();
    this.#print(`${what} in ${(performance.now() - startedAt).toFixed(0)} ms`);
  }

  #channel(name: string): Channel {
    return this.#channels.get(name) as Channel;
  }
}

function call(): ReturnType<typeof rootCall> {
  return rootCall({ timeoutMs: 20_000 });
}
