import { Candidates, Columns, rankColumn, scoreColumn } from '../../common/columns.ts';
import { ConfigSource } from '../../common/config.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { contracts, type FeaturesService } from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { createFeatures } from '../../services/features/server.ts';
import { createLogging } from '../../services/logging/server.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { tinyItem } from '../support/tiny-world.ts';

const USERS = 60;
const ITEMS = 600;
const SOURCES = ['ials', 'popularity'] as const;
const CALL_TIMEOUT_MS = 10_000;

/** Items that must not be shown, by ordinal. */
export interface Closed {
  readonly blocked: number;
  readonly deleted: number;
  /** Shown in CH only. */
  readonly regional: number;
  readonly ended: number;
  readonly notBegun: number;
  /** Never given. */
  readonly unknown: number;
}

export type WorldLogging = Awaited<ReturnType<typeof createLogging>>;
export type WorldFeatures = Awaited<ReturnType<typeof createFeatures>>;

/**
 * What suites ask with: 600 items (ordinal n has the id `item-n`) and 60 users (`user-0`, ...) of the tiny world in a home of
 * their own, with the logging and the features service, a champion `tiny-1`, and some items closed. A stage under TARGET has
 * seen none of it, and must answer nonetheless.
 */
export class World implements AsyncDisposable {
  readonly itemCount = ITEMS;
  readonly bundle = 'tiny-1';
  readonly nowMs: number;
  readonly closed: Closed;
  readonly environment: Environment;
  readonly logging: WorldLogging;
  readonly features: WorldFeatures;
  /** A client of `features` for the stages. */
  readonly catalogue: FeaturesService;
  readonly #states: readonly Buffer[];
  readonly #home: AsyncDisposable;

  private constructor(
    parts: Pick<World, 'nowMs' | 'closed' | 'environment' | 'logging' | 'features' | 'catalogue'>,
    states: readonly Buffer[],
    home: AsyncDisposable,
  ) {
    this.nowMs = parts.nowMs;
    this.closed = parts.closed;
    this.environment = parts.environment;
    this.logging = parts.logging;
    this.features = parts.features;
    this.catalogue = parts.catalogue;
    this.#states = states;
    this.#home = home;
  }

  static async open(): Promise<World> {
    const home = await temporaryHome();
    const { nowMs } = await makeTinyHome(home.home, { users: USERS, items: ITEMS });
    const environment = {
      config: new ConfigSource({ MILLRACE_HOME: home.home }),
      log: createLogger('contract'),
    };
    const logging = await createLogging(environment);
    const features = await createFeatures(environment, {
      logging: inMemory(contracts.logging, logging.implementation),
    });
    await untilReady(features);
    const catalogue = inMemory(contracts.features, features.implementation);
    const closed = await closeSome(catalogue, nowMs);
    const states: Buffer[] = [];
    for (let row = 0; row < USERS; row++) {
      const request = { userId: `user-${row}`, earlierIds: [], parts: [], asOf: 0 };
      states.push((await catalogue.getUserState(request, call())).state);
    }
    return new World({ nowMs, closed, environment, logging, features, catalogue }, states, home);
  }

  /** The encoded state of `user-<row>`. */
  state(row: number): Buffer {
    return this.#states[row];
  }

  /** A request's context: `user-<row>` now, the champion. */
  context(row: number, fields: Partial<RequestContext> = {}): RequestContext {
    return RequestContext.fromPartial({
      requestId: `contract-${row}`,
      timeMs: this.nowMs,
      userState: this.state(row),
      ...fields,
    });
  }

  /**
   * That many different items in seeded order, as retrieval gives them: `retrieval.rrf` falling, ranks and scores of two sources
   * of which each knows two items of three. With `score.ranking`, falling, and external ids.
   */
  candidates(count: number, seed = 1): Candidates {
    const random = new Random(seed);
    const all = Array.from({ length: this.itemCount }, (_, item) => item);
    random.shuffle(all);
    const items = Uint32Array.from({ length: count }, (_, row) => all[row] ?? row);
    const columns = new Map<string, Float32Array>([
      [Columns.rrf, Float32Array.from(items, (_, row) => 1 / (60 + row))],
      [Columns.ranking, Float32Array.from(items, (_, row) => 1 - row / (count + 1))],
    ]);
    for (const [at, source] of SOURCES.entries()) {
      const ranks = Float32Array.from(items, (_, row) => ((row + at) % 3 === 2 ? 0 : row + 1));
      columns.set(rankColumn(source), ranks);
      columns.set(
        scoreColumn(source),
        ranks.map((rank) => (rank === 0 ? 0 : 10 / rank)),
      );
    }
    return new Candidates(items, columns).withIds((ordinal) => `item-${ordinal}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.features.close();
    await this.logging.close();
    await this.#home[Symbol.asyncDispose]();
  }
}

/** A call of the suites' own. */
export function call() {
  return rootCall({ timeoutMs: CALL_TIMEOUT_MS });
}

/** Lets the component begin and answers when it serves. */
export function untilReady(component: Component): Promise<void> {
  return new Promise((resolve) => component.watchServing((serving) => serving && resolve()));
}

async function closeSome(catalogue: FeaturesService, nowMs: number): Promise<Closed> {
  const random = new Random(2);
  const changed = (ordinal: number, fields: object) => ({ ...tinyItem(ordinal, random), ...fields });
  const [blocked, deleted, regional, ended, notBegun] = [1, 2, 3, 4, 5].map((back) => ITEMS - back);
  await catalogue.block({ itemIds: [`item-${blocked}`], reason: 'contract', untilMs: 0 }, call());
  await catalogue.deleteItems({ itemIds: [`item-${deleted}`] }, call());
  const items = [
    changed(regional, { regions: ['CH'] }),
    changed(ended, { availableUntilMs: nowMs }),
    changed(notBegun, { availableFromMs: nowMs + 1 }),
  ];
  await catalogue.upsertItems({ items, expectedEpoch: 0 }, call());
  return { blocked, deleted, regional, ended, notBegun, unknown: 4_000_000_000 };
}
