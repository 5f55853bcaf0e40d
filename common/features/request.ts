import type { ActionContext } from '../../gen/millrace/type/v1/type.ts';
import type { Candidates } from '../columns.ts';
import type { User } from '../user-state.ts';
import type { ItemColumns } from './item-columns.ts';
import type { ItemCounters } from './item-counters.ts';

/** What one request's features are made of. */
export interface VectoriserInput {
  readonly candidates: Candidates;
  readonly user: User;
  readonly timeMs: number;
  readonly counters: ItemCounters;
  /** By score column: what its shares are shares of. Absent: the largest of `candidates`, which are then all of the request. */
  readonly largestScores?: Readonly<Record<string, number>>;
  /** The moment as the caller described it; absent: unknown. */
  readonly context?: Pick<ActionContext, 'device' | 'locale' | 'surface' | 'region'> | undefined;
}

/** One request, with what several of its features are made of. */
export class FeatureRequest {
  readonly input: VectoriserInput;
  readonly items: ItemColumns;
  readonly #made = new Map<unknown, unknown>();

  constructor(input: VectoriserInput, items: ItemColumns) {
    this.input = input;
    this.items = items;
  }

  /** What `make` makes of this request; made once. */
  once<T>(make: (request: FeatureRequest) => T): T {
    let made = this.#made.get(make) as T | undefined;
    if (made === undefined) {
      made = make(this);
      this.#made.set(make, made);
    }
    return made;
  }
}
