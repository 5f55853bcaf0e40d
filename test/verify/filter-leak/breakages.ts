import { ItemFilters } from '../../../common/filters/item-filters.ts';
import type { FeaturesService } from '../../../common/rpc/services.ts';
import { decodeUser, encodeUser } from '../../../common/user-state.ts';

/** One way of doing wrong what the proof is about. */
interface Breakage {
  /** Changes this process until it is disposed of; the filtering service is another one. */
  readonly inProcess: () => Disposable;
  /** Stands between everyone and the features service. */
  readonly features: (features: FeaturesService) => FeaturesService;
}

const unchanged = (features: FeaturesService): FeaturesService => features;
const nothing = (): Disposable => ({ [Symbol.dispose]: () => {} });

/** The ways, each of which the proof has to find; the first one is none. */
export const BREAKAGES: Readonly<Record<string, Breakage>> = {
  nothing: { inProcess: nothing, features: unchanged },
  /** The orchestrator takes what the filtering stage answers. */
  unguarded: {
    inProcess: () => {
      const { filter } = ItemFilters.prototype;
      ItemFilters.prototype.filter = (items) => ({ removed: new Uint8Array(items.length), undecided: [] });
      return {
        [Symbol.dispose]: () => {
          ItemFilters.prototype.filter = filter;
        },
      };
    },
    features: unchanged,
  },
  /** Users' states lack the Bloom filter of what was seen long ago. */
  forgetful: {
    inProcess: nothing,
    features: (features) => ({
      ...features,
      getUserState: async (request, call) => {
        const answer = await features.getUserState(request, call);
        const state = encodeUser({ ...decodeUser(answer.state), seenFilter: undefined });
        return { ...answer, state };
      },
    }),
  },
  /** A block is acknowledged before it is made. */
  hasty: {
    inProcess: nothing,
    features: (features) => ({
      ...features,
      block: async (request, call) => {
        setTimeout(() => void features.block(request, call).catch(() => {}), 1_000);
        return { epoch: 0 };
      },
    }),
  },
};
