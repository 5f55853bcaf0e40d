import { MillraceError } from '../../../common/errors.ts';
import type { ItemCounters } from '../../../common/features/item-counters.ts';
import type { Call } from '../../../common/rpc/call.ts';
import type { FeaturesService } from '../../../common/rpc/services.ts';
import { encodeUser, type User } from '../../../common/user-state.ts';

/** A features service at one point of a replayed log: users' states by a function, counters of one version, no changes. */
export class OfflineFeatures {
  readonly #stateOf: (userId: string) => User;
  readonly #counters: ItemCounters;

  constructor(stateOf: (userId: string) => User, counters: ItemCounters) {
    this.#stateOf = stateOf;
    this.#counters = counters;
  }

  get service(): FeaturesService {
    const unable = (): never => {
      throw new MillraceError('METHOD_UNKNOWN', 'the replayed features service only reads');
    };
    return {
      getUserState: async ({ userId }) => {
        const user = this.#stateOf(userId);
        return { state: encodeUser(user), offset: user.offset, catalogueEpoch: 0 };
      },
      watchCatalogue: (_, call) => nothingUntilEnd(call),
      watchItemCounters: (_, call) => this.#watchCounters(call),
      upsertUsers: unable,
      upsertItems: unable,
      deleteItems: unable,
      block: unable,
      unblock: unable,
      resolve: unable,
      snapshotCatalogue: unable,
    };
  }

  async *#watchCounters(call: Call): ReturnType<FeaturesService['watchItemCounters']> {
    const { version } = this.#counters;
    yield { version, complete: true, counters: this.#counters.rows(), more: false };
    yield* nothingUntilEnd(call);
  }
}

async function* nothingUntilEnd({ signal }: Call): AsyncGenerator<never> {
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
