import { hash32, Random } from '../../../common/random.ts';
import type { ItemGroup } from '../fairness/item-group.ts';
import type { ObjectiveRows } from '../objectives/objective.ts';
import type { SlotExplorer } from '../slate/slot-explorer.ts';
import type { Bandit } from './bandit.ts';
import type { SlotsConfig } from './config.ts';
import { armAt, enforceMinimumProbability } from './distributions.ts';
import { ITEM_CONTEXT_LENGTH, type ItemContexts } from './item-contexts.ts';

/** The odds of one slot, given the earlier slots, and what came of them. */
export interface SlotDraw {
  readonly slot: number;
  /** The eligible items, ordinals. */
  readonly items: Uint32Array;
  /** One an item; they sum to 1. */
  readonly probabilities: Float64Array;
  /** `ITEM_CONTEXT_LENGTH` values an item. */
  readonly contexts: Float32Array;
  /** What rules add to the value of each item. */
  readonly bonuses: Float64Array;
}

/** A request as draws depend on it. */
export interface DrawRequest {
  readonly requestId: string;
  /** The version of the posterior. */
  readonly posterior: string;
  readonly bandit: Bandit;
  /** The slate that was shown: its items are taken where they can be, to learn their odds. Undefined: draw. */
  readonly follow?: Uint32Array | undefined;
}

/**
 * Draws items for a few slots by a bandit's policy with a least probability. Odds and draw follow from the request's id, the version of
 * the posterior, the slot and the eligible items, and nothing else.
 */
export class ItemExplorer implements SlotExplorer {
  readonly #settings: SlotsConfig;
  readonly #groups: readonly ItemGroup[];
  readonly #contexts: ItemContexts;
  readonly #idOf: (ordinal: number) => string;
  readonly #positions: readonly number[];
  readonly #pool: Uint32Array;
  #rows: ObjectiveRows | undefined;
  #bonuses: ArrayLike<number> = [];
  #size = 0;
  #request: DrawRequest | undefined;
  #draws: SlotDraw[] = [];

  /** `groups`: those that the pool is limited to. `idOf`: the id of an ordinal. */
  constructor(
    settings: SlotsConfig,
    groups: readonly ItemGroup[],
    contexts: ItemContexts,
    idOf: (ordinal: number) => string,
  ) {
    this.#settings = settings;
    this.#groups = groups;
    this.#contexts = contexts;
    this.#idOf = idOf;
    this.#positions = settings.positions.map((position) => position - 1);
    this.#pool = new Uint32Array(settings.pool.rows);
  }

  /** What was drawn since `expect`, by rising slot. */
  get draws(): readonly SlotDraw[] {
    return this.#draws;
  }

  /** How the next slate is drawn. */
  expect(request: DrawRequest): void {
    this.#request = request;
    this.#draws = [];
  }

  /** `bonuses`: what rules add to the value of each row. */
  begin(rows: ObjectiveRows, size: number, bonuses: ArrayLike<number>): void {
    this.#rows = rows;
    this.#bonuses = bonuses;
    this.#size = size;
    this.#contexts.begin(rows);
  }

  slots(size: number): readonly number[] {
    return this.#positions.filter((position) => position < size);
  }

  draw(slot: number, eligible: Uint32Array): { row: number; probability: number } | undefined {
    const request = this.#request;
    const count = this.#fillPool(eligible);
    if (request === undefined || count === 0) return undefined;
    const draw = this.#odds(slot, count, request);
    this.#draws.push(draw);
    const arm = this.#take(draw, request);
    return { row: this.#pool[arm], probability: draw.probabilities[arm] };
  }

  /** The best of the eligible rows that the pool takes; answers how many. */
  #fillPool(eligible: Uint32Array): number {
    const { items, nowMs } = this.#rows as ObjectiveRows;
    const groups = this.#groups;
    let count = 0;
    for (let at = 0; at < eligible.length && count < this.#pool.length; at++) {
      const row = eligible[at];
      if (row < this.#size) continue;
      if (groups.length > 0 && !groups.some((group) => group.has(items[row], nowMs))) continue;
      this.#pool[count++] = row;
    }
    return count;
  }

  #odds(slot: number, count: number, { requestId, posterior, bandit }: DrawRequest): SlotDraw {
    const { items: ordinals } = this.#rows as ObjectiveRows;
    const items = new Uint32Array(count);
    const contexts = new Float32Array(count * ITEM_CONTEXT_LENGTH);
    const ids: string[] = [];
    const bonuses = new Float64Array(count);
    for (let arm = 0; arm < count; arm++) {
      items[arm] = ordinals[this.#pool[arm]];
      ids.push(this.#idOf(items[arm]));
      bonuses[arm] = this.#bonuses[this.#pool[arm]];
      this.#contexts.write(this.#pool[arm], slot, contexts, arm * ITEM_CONTEXT_LENGTH);
    }
    const probabilities = new Float64Array(count);
    const random = new Random(hash32(`policy ${posterior} ${slot} ${requestId}`));
    bandit.policy({ count, ids, contexts, bonuses }, random, probabilities);
    enforceMinimumProbability(probabilities, this.#settings.minimumProbability * count, true);
    return { slot, items, probabilities, contexts, bonuses };
  }

  #take({ slot, items, probabilities }: SlotDraw, { requestId, posterior, follow }: DrawRequest): number {
    if (follow !== undefined) return Math.max(0, items.indexOf(follow[slot]));
    const random = new Random(hash32(`draw ${posterior} ${slot} ${requestId}`));
    return armAt(probabilities, random.next());
  }
}
