/**
 * Keeps the best k of a stream of scored rows: higher score first, equal scores by row ascending. A bounded heap over
 * typed arrays whose root is the worst row kept; allocated once, used for one selection after another.
 */
export class TopK {
  #rows: Uint32Array<ArrayBuffer>;
  #scores: Float64Array<ArrayBuffer>;
  #limit = 0;
  #count = 0;

  /** `capacity`: rows allocated now; `reset` grows it when asked for more. */
  constructor(capacity = 0) {
    this.#rows = new Uint32Array(capacity);
    this.#scores = new Float64Array(capacity);
  }

  /** Starts a selection of at most `limit` rows. Invalidates the rows and scores of the one before. */
  reset(limit: number): void {
    if (limit > this.#rows.length) {
      this.#rows = new Uint32Array(limit);
      this.#scores = new Float64Array(limit);
    }
    this.#limit = limit;
    this.#count = 0;
  }

  /** The rows kept: in heap order until `sort`, best first after it. Entries from `count` on mean nothing. */
  get rows(): Uint32Array<ArrayBuffer> {
    return this.#rows;
  }

  /** The score of each of `rows`. */
  get scores(): Float64Array<ArrayBuffer> {
    return this.#scores;
  }

  get count(): number {
    return this.#count;
  }

  /** No row with a score below this can enter. A caller's cheap test before `offer`. */
  get floor(): number {
    if (this.#count < this.#limit) return Number.NEGATIVE_INFINITY;
    return this.#limit === 0 ? Number.POSITIVE_INFINITY : this.#scores[0];
  }

  /** `score` is never NaN. */
  offer(row: number, score: number): void {
    if (this.#count < this.#limit) this.#siftUp(this.#count++, row, score);
    else if (this.#limit > 0 && isWorse(this.#scores[0], this.#rows[0], score, row)) {
      this.#siftDown(this.#count, row, score);
    }
  }

  /** Orders the kept rows best first and returns how many there are. Ends the selection: `reset` before the next offer. */
  sort(): number {
    for (let end = this.#count - 1; end > 0; end--) {
      const row = this.#rows[end];
      const score = this.#scores[end];
      this.#rows[end] = this.#rows[0];
      this.#scores[end] = this.#scores[0];
      this.#siftDown(end, row, score);
    }
    return this.#count;
  }

  #siftUp(from: number, row: number, score: number): void {
    const rows = this.#rows;
    const scores = this.#scores;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isWorse(score, row, scores[parent], rows[parent])) break;
      rows[at] = rows[parent];
      scores[at] = scores[parent];
      at = parent;
    }
    rows[at] = row;
    scores[at] = score;
  }

  /** Puts a row in the root's place in a heap of `size`. */
  #siftDown(size: number, row: number, score: number): void {
    const rows = this.#rows;
    const scores = this.#scores;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      const next = child + 1;
      if (next < size && isWorse(scores[next], rows[next], scores[child], rows[child])) child = next;
      if (!isWorse(scores[child], rows[child], score, row)) break;
      rows[at] = rows[child];
      scores[at] = scores[child];
      at = child;
    }
    rows[at] = row;
    scores[at] = score;
  }
}

function isWorse(score: number, row: number, otherScore: number, otherRow: number): boolean {
  return score < otherScore || (score === otherScore && row > otherRow);
}
