import type { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type FeaturesService, type OrchestratorService } from '../../common/rpc/services.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';

const RESOLVE_TIMEOUT_MS = 2_000;

/** A connection to a running Millrace. */
export class FrontDoor implements Disposable {
  readonly orchestrator: OrchestratorService;
  readonly #channels: Channel[];
  readonly #features: FeaturesService[];

  /** `features` is asked for items where the front door does not serve the catalogue itself. */
  constructor(addresses: { orchestrator: string; features: string }) {
    this.#channels = [new Channel(addresses.orchestrator), new Channel(addresses.features)];
    this.orchestrator = this.#channels[0].client(contracts.orchestrator);
    this.#features = this.#channels.map((channel) => channel.client(contracts.features));
  }

  /** The items by id; those that the catalogue does not have are left out. */
  async items(itemIds: readonly string[]): Promise<ReadonlyMap<string, Item>> {
    if (itemIds.length === 0) return new Map();
    const request = { itemIds: [...itemIds], ordinals: [] };
    const [here, elsewhere] = this.#features;
    const { items } = await here
      .resolve(request, rootCall({ timeoutMs: RESOLVE_TIMEOUT_MS }))
      .catch((error: MillraceError) => {
        if (error.reason !== 'METHOD_UNKNOWN') throw error;
        return elsewhere.resolve(request, rootCall({ timeoutMs: RESOLVE_TIMEOUT_MS }));
      });
    return new Map(items.flatMap(({ item }) => (item === undefined ? [] : [[item.id, item]])));
  }

  [Symbol.dispose](): void {
    for (const channel of this.#channels) channel.close();
  }
}
