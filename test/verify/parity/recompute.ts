import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates } from '../../../common/columns.ts';
import { ItemColumns } from '../../../common/features/item-columns.ts';
import type { ItemCounters } from '../../../common/features/item-counters.ts';
import type { FeatureSchema } from '../../../common/features/schema.ts';
import { Vectoriser } from '../../../common/features/vectoriser.ts';
import type { LoggedEvent } from '../../../common/log/events.ts';
import { anonymousUser, type User } from '../../../common/user-state.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import type { CatalogueChange } from '../../../gen/millrace/features/v1/features.ts';
import { FeatureFold } from '../../../services/features/stage.ts';
import type { Breakage } from './breakages.ts';
import type { Served } from './served.ts';

/** What is needed of a bundle to make its ranker's features. */
export interface BundleFeatures {
  readonly schema: FeatureSchema;
  readonly counters: ItemCounters;
}

/** A served decision whose moment is being put together. */
interface Pending {
  readonly served: Served;
  user?: User;
  counters?: ItemCounters;
}

/**
 * Makes the features of served decisions again from the events alone, in one pass in offset order: the user's state as folded up to
 * the recorded offset, the counters up to the recorded version, the catalogue up to the recorded epoch. The three are points of the
 * log that differ, so states and counters are kept as they were when the fold passed them, and the item columns lag behind the fold
 * until every decision that saw them is done. What it holds at a time: the folds and what waits.
 */
export class Recomputation {
  readonly #bundles: ReadonlyMap<string, BundleFeatures>;
  readonly #fold: FeatureFold;
  readonly #breakage: Breakage;
  readonly #columnsCatalogue = new Catalogue('');
  readonly #columns = new ItemColumns(this.#columnsCatalogue);
  readonly #vectorisers = new Map<string, Vectoriser>();
  readonly #byUserOffset: Pending[];
  readonly #byCounters: Pending[];
  readonly #byEpoch: Pending[];
  readonly #changes: CatalogueChange[] = [];

  constructor(
    served: readonly Served[],
    bundles: ReadonlyMap<string, BundleFeatures>,
    limits: UserLimits,
    breakage: Breakage,
  ) {
    this.#bundles = bundles;
    this.#fold = FeatureFold.empty(limits);
    this.#breakage = breakage;
    const pending = served.map((served): Pending => ({ served }));
    const sorted = (at: (served: Served) => number): Pending[] =>
      pending.toSorted((a, b) => at(b.served) - at(a.served));
    this.#byUserOffset = sorted(({ userOffset }) => userOffset);
    this.#byCounters = sorted((served) => this.#countersAt(served));
    this.#byEpoch = sorted((served) => this.#epochOf(served));
  }

  /** Each decision with its features, rows × width, by rising epoch. */
  async *run(events: AsyncIterable<LoggedEvent>): AsyncGenerator<{ served: Served; features: Float32Array }> {
    for await (const logged of events) {
      this.#capture(logged.offset);
      yield* this.#ready(false);
      const { offset } = logged;
      const events = this.#breakage.events?.(logged.event) ?? [logged.event];
      const { changes } = this.#fold.apply(
        events.map((event) => ({ offset, event })),
        offset + 1,
      );
      this.#changes.push(...changes);
    }
    this.#capture(Number.POSITIVE_INFINITY);
    yield* this.#ready(true);
  }

  /** Keeps states and counters for those who saw the log up to here: `offset` is that of the event about to be folded. */
  #capture(offset: number): void {
    for (let next = this.#byUserOffset.at(-1); next !== undefined; next = this.#byUserOffset.at(-1)) {
      const { userId, userOffset } = next.served;
      if (userOffset > offset) break;
      next.user = userOffset === 0 ? anonymousUser : this.#fold.users.state(userId, userOffset);
      this.#byUserOffset.pop();
    }
    let counters: ItemCounters | undefined;
    for (let next = this.#byCounters.at(-1); next !== undefined; next = this.#byCounters.at(-1)) {
      const { served } = next;
      const at = this.#countersAt(served);
      if (at > offset) break;
      if (at > 0) counters ??= this.#fold.counters.counters();
      next.counters = counters ?? this.#bundleOf(served).counters;
      this.#byCounters.pop();
    }
  }

  /** Those whose moment is complete, in the order of epochs; `ended`: no more changes of the catalogue will come. */
  *#ready(ended: boolean): Generator<{ served: Served; features: Float32Array }> {
    for (let next = this.#byEpoch.at(-1); next !== undefined; next = this.#byEpoch.at(-1)) {
      const { served, user, counters } = next;
      if (user === undefined || counters === undefined) return;
      const epoch = this.#epochOf(served);
      while (this.#columnsCatalogue.epoch < epoch && this.#changes.length > 0)
        this.#columnsCatalogue.apply(this.#changes.shift() as CatalogueChange);
      if (this.#columnsCatalogue.epoch < epoch && !ended) return;
      this.#byEpoch.pop();
      yield { served, features: this.#vectorise(served, user, counters) };
    }
  }

  #vectorise(
    { bundle, items, columns, timeMs, largestScores, context }: Served,
    user: User,
    counters: ItemCounters,
  ) {
    const ordinals = items.map((id) => this.#fold.catalogue.ordinalEver(id) as number);
    const candidates = new Candidates(Uint32Array.from(ordinals), columns);
    let vectoriser = this.#vectorisers.get(bundle);
    if (vectoriser === undefined) {
      vectoriser = new Vectoriser(this.#columns, this.#bundleOf({ bundle }).schema);
      this.#vectorisers.set(bundle, vectoriser);
    }
    return vectoriser.vectorise({ candidates, user, timeMs, counters, largestScores, context });
  }

  #countersAt(served: Served): number {
    return this.#breakage.countersAt?.(served) ?? served.countersVersion;
  }

  #epochOf(served: Served): number {
    return this.#breakage.epochOf?.(served) ?? served.epoch;
  }

  #bundleOf({ bundle }: Pick<Served, 'bundle'>): BundleFeatures {
    return this.#bundles.get(bundle) as BundleFeatures;
  }
}
