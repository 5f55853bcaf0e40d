import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  type CatalogueChange,
  type Item,
  type ResolvedItem,
  SnapshotCatalogueResponse,
} from '../../gen/millrace/features/v1/features.ts';
import { Bitset } from '../bitset.ts';
import { MillraceError } from '../errors.ts';

export type CatalogueListener = (ordinal: number) => void;

/**
 * The items by ordinal, as the fold of the catalogue's changes. Ordinals are given in order of arrival and never reused: an id
 * that was deleted keeps its ordinal and gets it back when it is added again.
 */
export class Catalogue {
  /** Identifies the numbering of items; empty before the first change. */
  lineage: string;
  /** The blocks, exact. A block with an end stays in here until it is taken back; `isBlocked` looks at the time. */
  readonly blocked = new Bitset();
  readonly #ids: string[] = [];
  readonly #ordinals = new Map<string, number>();
  readonly #items: (Item | undefined)[] = [];
  readonly #createdEpoch: number[] = [];
  readonly #changedEpoch: number[] = [];
  readonly #blockedUntilMs = new Map<number, number>();
  readonly #listeners = new Set<CatalogueListener>();
  #epoch = 0;
  #live = 0;

  constructor(lineage: string) {
    this.lineage = lineage;
  }

  /** The epoch of the last change applied. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Ordinals given so far, those of deleted items included. */
  get size(): number {
    return this.#ids.length;
  }

  /** Items that are not deleted. */
  get liveCount(): number {
    return this.#live;
  }

  /** The ordinal of an item that is not deleted. */
  ordinalOf(id: string): number | undefined {
    const ordinal = this.#ordinals.get(id);
    return ordinal !== undefined && this.#items[ordinal] !== undefined ? ordinal : undefined;
  }

  /** The ordinal of an item, deleted or not. */
  ordinalEver(id: string): number | undefined {
    return this.#ordinals.get(id);
  }

  /** The id of an ordinal that was ever given. */
  idOf(ordinal: number): string {
    return this.#ids[ordinal];
  }

  /** The item, unless it is deleted. */
  item(ordinal: number): Item | undefined {
    return this.#items[ordinal];
  }

  isBlocked(ordinal: number, nowMs: number): boolean {
    if (!this.blocked.has(ordinal)) return false;
    const until = this.#blockedUntilMs.get(ordinal);
    return until === undefined || nowMs < until;
  }

  /** The end of a block; 0 if it has none. */
  blockedUntilMs(ordinal: number): number {
    return this.#blockedUntilMs.get(ordinal) ?? 0;
  }

  /** Applies one change. A change of an epoch already applied does nothing. */
  apply({ epoch, ordinal, upsert, delete: deletion, block, unblock }: CatalogueChange): void {
    if (epoch < this.#epoch) return;
    if (ordinal === this.size) this.#createdEpoch[ordinal] = epoch;
    if (upsert !== undefined) this.#upsert(ordinal, upsert);
    else if (deletion !== undefined) this.#delete(ordinal);
    else if (block !== undefined) this.#block(ordinal, block.untilMs);
    else if (unblock !== undefined) this.#unblock(ordinal);
    this.#changedEpoch[ordinal] = epoch;
    this.#epoch = epoch;
    for (const listener of this.#listeners) listener(ordinal);
  }

  /** Calls `listener` with the ordinal after every change, until the function returned is called. */
  onChange(listener: CatalogueListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ordinals changed after the epoch, ascending by ordinal. */
  *changedSince(epoch: number): Iterable<number> {
    for (let ordinal = 0; ordinal < this.#ids.length; ordinal++) {
      if ((this.#changedEpoch[ordinal] ?? 0) > epoch) yield ordinal;
    }
  }

  /**
   * Changes that lead from any state at `epoch` towards this one, ascending by epoch: about `max` of them, and all if there are
   * no more. A new item comes in the form it has now at the epoch that gave its ordinal, and again at that of its last change.
   */
  changesSince(epoch: number, max = Number.POSITIVE_INFINITY): CatalogueChange[] {
    const points: { epoch: number; ordinal: number }[] = [];
    for (const ordinal of this.changedSince(epoch)) {
      const changed = this.#changedEpoch[ordinal];
      const created = this.#createdEpoch[ordinal] ?? 0;
      if (created > epoch && created < changed) points.push({ epoch: created, ordinal });
      points.push({ epoch: changed, ordinal });
    }
    points.sort((a, b) => a.epoch - b.epoch);
    const changes: CatalogueChange[] = [];
    for (const at of points) {
      if (changes.length >= max) break;
      this.#pushState(changes, at);
    }
    return changes;
  }

  #pushState(changes: CatalogueChange[], at: { epoch: number; ordinal: number }): void {
    const { ordinal } = at;
    const item = this.#items[ordinal];
    changes.push({ ...at, upsert: item ?? { ...NO_ITEM, id: this.#ids[ordinal] } });
    if (item === undefined) changes.push({ ...at, delete: {} });
    if (this.blocked.has(ordinal))
      changes.push({ ...at, block: { reason: '', untilMs: this.blockedUntilMs(ordinal) } });
    else changes.push({ ...at, unblock: {} });
  }

  /** The item with its ordinal and block. */
  resolved(ordinal: number): ResolvedItem {
    return {
      item: this.#items[ordinal],
      ordinal,
      blocked: this.blocked.has(ordinal),
      blockedUntilMs: this.blockedUntilMs(ordinal),
      createdEpoch: this.#createdEpoch[ordinal] ?? 0,
      changedEpoch: this.#changedEpoch[ordinal] ?? 0,
    };
  }

  /** The whole catalogue as a bundle's part or a snapshot. */
  serialise(): Uint8Array {
    const items: ResolvedItem[] = [];
    for (let ordinal = 0; ordinal < this.size; ordinal++) {
      items.push({
        ...this.resolved(ordinal),
        item: this.#items[ordinal] ?? { ...NO_ITEM, id: this.#ids[ordinal], title: DELETED },
      });
    }
    return SnapshotCatalogueResponse.encode({
      epoch: this.#epoch,
      lineage: this.lineage,
      size: this.size,
      items,
    }).finish();
  }

  /** What `serialise` wrote. */
  static read(bytes: Uint8Array): Catalogue {
    const { epoch, lineage, size, items } = SnapshotCatalogueResponse.decode(bytes);
    if (items.length !== size) throw new Error(`catalogue: ${items.length} items, ${size} expected`);
    const catalogue = new Catalogue(lineage);
    for (const [ordinal, resolved] of items.entries()) {
      const { item, blocked, blockedUntilMs } = resolved;
      if (item === undefined || item.id === '') throw new Error(`catalogue: item ${ordinal} has no id`);
      catalogue.#upsert(ordinal, item);
      if (item.title === DELETED) catalogue.#delete(ordinal);
      if (blocked) catalogue.#block(ordinal, blockedUntilMs);
      catalogue.#createdEpoch[ordinal] = resolved.createdEpoch;
      catalogue.#changedEpoch[ordinal] = resolved.changedEpoch;
    }
    catalogue.#epoch = epoch;
    return catalogue;
  }

  /** Ordinals given in what `serialise` wrote, without reading the items. */
  static sizeIn(bytes: Uint8Array): number {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === SIZE_FIELD) return reader.uint32();
      reader.skip(tag & 7);
    }
    return 0;
  }

  #upsert(ordinal: number, item: Item): void {
    if (ordinal > this.#ids.length) {
      throw new MillraceError(
        'CATALOGUE_LAGGING',
        `catalogue: ordinal ${ordinal} follows ${this.#ids.length - 1}`,
      );
    }
    if (ordinal === this.#ids.length) {
      this.#ids.push(item.id);
      this.#ordinals.set(item.id, ordinal);
    }
    if (this.#items[ordinal] === undefined) this.#live++;
    this.#items[ordinal] = item;
  }

  #delete(ordinal: number): void {
    if (this.#items[ordinal] !== undefined) this.#live--;
    this.#items[ordinal] = undefined;
  }

  #block(ordinal: number, untilMs: number): void {
    this.blocked.add(ordinal);
    if (untilMs > 0) this.#blockedUntilMs.set(ordinal, untilMs);
    else this.#blockedUntilMs.delete(ordinal);
  }

  #unblock(ordinal: number): void {
    this.blocked.delete(ordinal);
    this.#blockedUntilMs.delete(ordinal);
  }
}

/** Number of the field `size` in SnapshotCatalogueResponse. */
const SIZE_FIELD = 4;
/** Marks a deleted item in a serialised catalogue; no item can have this title, since control characters are refused. */
const DELETED = '\u0000deleted';
const NO_ITEM: Omit<Item, 'id'> = {
  title: '',
  text: '',
  categories: [],
  attributes: {},
  availableFromMs: 0,
  availableUntilMs: 0,
  regions: [],
};
