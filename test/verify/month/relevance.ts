import {
  fitIals,
  type IalsModel,
  type IalsOptions,
  IalsUserSolver,
  ialsDefaults,
} from '../../../common/models/ials.ts';
import { interactionMatrix } from '../../../common/models/interactions.ts';
import { fitPopularity, type PopularityModel } from '../../../common/models/popularity.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import type { EventColumns } from '../../../services/simulator/events.ts';

/** Of a small world, of whose taste vectors iALS can tell no more. */
const OPTIONS: IalsOptions = {
  ...ialsDefaults,
  dim: 16,
  sweeps: 5,
  regularisation: 0.15,
  frequencyExponent: 0.5,
};
/** Rounds of the mean rate that an item's own rate is drawn towards. */
const PRIOR_LOOKS = 20;
/** Share of its counts that an item keeps from day to day. */
const KEPT_A_DAY = 0.9;
/** Looks that position p, from 0, gets: a common prior of examination and not the simulator's own. */
const looksAt = (position: number): number => 1 / Math.sqrt(1 + position);
/** Weight of the user's match beside the logarithm of the item's rate of clicks. */
const MATCH_WEIGHT = 6;

/** The relevance of items, learnt anew each day from what people did so far: iALS and each item's own rate of clicks. */
export class DailyRelevance {
  readonly #users: number[] = [];
  readonly #items: number[] = [];
  readonly #timesMs: number[] = [];
  readonly #histories: number[][];
  readonly #taken: Uint8Array;
  readonly #filmCount: number;
  #clicks: Float64Array;
  #looks: Float64Array;
  #model: IalsModel | undefined;
  #popularity: PopularityModel | undefined;
  #vectors = new Float32Array(0);

  constructor(userCount: number, filmCount: number) {
    this.#filmCount = filmCount;
    this.#histories = Array.from({ length: userCount }, () => []);
    this.#taken = new Uint8Array(userCount * filmCount);
    this.#clicks = new Float64Array(filmCount);
    this.#looks = new Float64Array(filmCount);
  }

  /** Takes events in, with films as ordinals; those of films that are not in the catalogue yet are left out. */
  observe({ count, users, items, actions, timesMs, positions }: EventColumns, ordinalOf: Int32Array): void {
    for (let row = 0; row < count; row++) {
      const item = ordinalOf[items[row]];
      if (item < 0) continue;
      const action = actions[row];
      if (action === Action.ACTION_IMPRESSION) this.#looks[item] += looksAt(positions[row]);
      if (action === Action.ACTION_CLICK) this.#clicks[item]++;
      if (action !== Action.ACTION_CLICK && action !== Action.ACTION_VIEW) continue;
      this.#users.push(users[row]);
      this.#items.push(item);
      this.#timesMs.push(timesMs[row]);
      this.#histories[users[row]].push(item);
      this.#taken[users[row] * this.#filmCount + item] = 1;
    }
  }

  /** Whether the user has opened the item: it is not shown again. */
  isTaken(user: number, item: number): boolean {
    return this.#taken[user * this.#filmCount + item] === 1;
  }

  /** Learns from all that was observed; `itemCount` items are there. */
  learn(itemCount: number): void {
    const matrix = interactionMatrix(
      {
        users: Uint32Array.from(this.#users),
        items: Uint32Array.from(this.#items),
        times: Float64Array.from(this.#timesMs),
      },
      this.#histories.length,
      itemCount,
    );
    this.#model = fitIals(matrix, OPTIONS);
    this.#popularity = fitPopularity(matrix);
    const solver = new IalsUserSolver(this.#model);
    this.#vectors = new Float32Array(this.#histories.length * OPTIONS.dim);
    this.#histories.forEach((history, user) => {
      const vector = this.#vectors.subarray(user * OPTIONS.dim, (user + 1) * OPTIONS.dim);
      solver.solve(Uint32Array.from(history), undefined, vector);
    });
  }

  /** Lets the counts of clicks and looks fade by a day. */
  passDay(): void {
    for (const counts of [this.#clicks, this.#looks])
      for (let item = 0; item < counts.length; item++) counts[item] *= KEPT_A_DAY;
  }

  /** Vectors of the items that the last training knew, `dim` values each. */
  get embeddings(): { readonly embeddings: Float32Array; readonly dim: number } {
    return { embeddings: this.#model?.itemFactors ?? new Float32Array(0), dim: OPTIONS.dim };
  }

  /** How often items were opened; undefined before the first training. */
  get popularity(): PopularityModel | undefined {
    return this.#popularity;
  }

  /** Sets `scores[i]` for every item i: its match times a weight plus the logarithm of its rate of clicks, drawn to the mean rate. */
  score(user: number, scores: Float32Array): void {
    const { dim } = OPTIONS;
    const { embeddings: values } = this.embeddings;
    let clicks = 0;
    let looks = 0;
    for (let item = 0; item < scores.length; item++) {
      clicks += this.#clicks[item];
      looks += this.#looks[item];
    }
    const mean = (clicks + 1) / (looks + PRIOR_LOOKS);
    for (let item = 0; item < scores.length; item++) {
      let match = 0;
      if ((item + 1) * dim <= values.length)
        for (let d = 0; d < dim; d++) match += this.#vectors[user * dim + d] * values[item * dim + d];
      const rate = (this.#clicks[item] + PRIOR_LOOKS * mean) / (this.#looks[item] + PRIOR_LOOKS);
      scores[item] = MATCH_WEIGHT * match + Math.log(rate / mean);
    }
  }
}
