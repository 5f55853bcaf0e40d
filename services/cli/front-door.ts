import type { ConfigSource } from '../../common/config.ts';
import type { MillraceError } from '../../common/errors.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import type { Channel } from '../../common/rpc/client.ts';
import { contracts, type FeaturesService, type OrchestratorService } from '../../common/rpc/services.ts';
import { channelTo } from '../../common/service.ts';
import { decodeUser, type User } from '../../common/user-state.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';

const ASK_TIMEOUT_MS = 2_000;

/** A connection to a running Millrace. */
export class FrontDoor implements Disposable {
  readonly orchestrator: OrchestratorService;
  readonly #channels: Channel[];
  readonly #features: FeaturesService[];

  /**
   * `address`: of the front door, where it is not the configured one. The features service is asked for items where the front door does
   * not serve the catalogue itself.
   */
  constructor(config: ConfigSource, address?: string) {
    this.#channels = [channelTo('orchestrator', { config }, address), channelTo('features', { config })];
    this.orchestrator = this.#channels[0].client(contracts.orchestrator);
    this.#features = this.#channels.map((channel) => channel.client(contracts.features));
  }

  /** The items by id; those that the catalogue does not have are left out. */
  async items(itemIds: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    if (itemIds.length === 0) return new Map();
    const { items } = await this.#ask((features, call) =>
      features.resolve({ itemIds: [...itemIds], ordinals: [] }, call),
    );
    return new Map(items.flatMap(({ item }) => (item === undefined ? [] : [[item.id, item]])));
  }

  /** The items by ordinal, in order; undefined: deleted. */
  async itemsAt(ordinals: Iterable<number>): Promise<(Item | undefined)[]> {
    const request = { itemIds: [], ordinals: [...ordinals] };
    if (request.ordinals.length === 0) return [];
    return (await this.#ask((features, call) => features.resolve(request, call))).items.map(
      ({ item }) => item,
    );
  }

  /** What is known of a user by their names, latest first, and the log offset up to which. */
  async user([userId, ...earlierIds]: readonly string[]): Promise<{ user: User; offset: number }> {
    const { state, offset } = await this.#ask((features, call) =>
      features.getUserState({ userId, earlierIds, parts: [], asOf: 0 }, call),
    );
    return { user: decodeUser(state), offset };
  }

  #ask<T>(ask: (features: FeaturesService, call: Call) => Promise<T>): Promise<T> {
    const [here, elsewhere] = this.#features;
    return ask(here, rootCall({ timeoutMs: ASK_TIMEOUT_MS })).catch((error: MillraceError) => {
      if (error.reason !== 'METHOD_UNKNOWN') throw error;
      return ask(elsewhere, rootCall({ timeoutMs: ASK_TIMEOUT_MS }));
    });
  }

  [Symbol.dispose](): void {
    for (const channel of this.#channels) channel.close();
  }
}
