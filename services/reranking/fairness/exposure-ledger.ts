import type { ItemValues } from '../../../common/catalogue/item-values.ts';
import { giniOf } from '../../../common/metrics/exposure.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import { DecayedCounts } from './decayed-counts.ts';
import type { ItemGroup } from './item-group.ts';
import { ValueExposure } from './value-exposure.ts';

/** The group of all items in the metrics. */
const ALL = 'all';

/** Who held the slots that this replica filled, fading; empty after a start. Exported as metrics. */
export class ExposureLedger {
  readonly providers: ValueExposure;
  readonly #halfLife: number;
  readonly #items: DecayedCounts;
  readonly #held = new Map<string, number>();
  #slots = 0;

  /** `halfLife`: slots after which a slot counts half. `catalogueSize`: items to take the Gini coefficient over. */
  constructor(halfLife: number, providers: ItemValues, catalogueSize: () => number) {
    this.#halfLife = halfLife;
    this.#items = new DecayedCounts(halfLife);
    this.providers = new ValueExposure(providers, halfLife);
    metrics.exposureGini.measured(() => giniOf(this.#items.counts(catalogueSize())));
  }

  /** The items of a slate, in a slot each, and the groups to count them for. */
  record(items: Uint32Array, groups: readonly ItemGroup[], nowMs: number): void {
    const kept = 2 ** (-items.length / this.#halfLife);
    this.#slots = this.#slots * kept + items.length;
    metrics.exposedTotal.inc({ group: ALL }, items.length);
    for (const group of groups) {
      let members = 0;
      for (const item of items) if (group.has(item, nowMs)) members++;
      this.#held.set(group.name, (this.#held.get(group.name) ?? 0) * kept + members);
      metrics.exposedTotal.inc({ group: group.name }, members);
    }
    for (const item of items) this.#items.add(item);
    this.providers.record(items);
  }

  /** How many of the next `size` slots the group needs so that it holds `share` of all, those included; 0 to `size`. */
  shortfall(group: string, share: number, size: number): number {
    const missing = share * (this.#slots + size) - (this.#held.get(group) ?? 0);
    return Math.max(0, Math.min(size, Math.ceil(missing)));
  }
}
