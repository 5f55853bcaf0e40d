import { TopK } from '../top-k.ts';
import { jaccardAtK, overlapAtK, rankBiasedOverlap } from './churn.ts';
import { kendallTau } from './kendall-tau.ts';

/** Means over lists; 1 is the same list and 1 − value is the churn. */
export interface ChurnMeans {
  readonly lists: number;
  readonly overlap: number;
  readonly jaccard: number;
  /** Of the best hundred, or k if that is more. */
  readonly rbo: number;
  /** Kendall's tau-b over all candidates, over the lists where it is defined. */
  readonly tau: number;
}

const RBO_DEPTH = 100;

/** How much one model's lists differ from another's over the same candidates, over many requests. */
export class ChurnSummary {
  readonly #k: number;
  readonly #persistence: number;
  readonly #depth: number;
  readonly #top = [new TopK(), new TopK()] as const;
  readonly #sums = { overlap: 0, jaccard: 0, rbo: 0, tau: 0 };
  #lists = 0;
  #taus = 0;

  /** `k`: cut-off of overlap and Jaccard; `persistence`: of rank-biased overlap. */
  constructor(k: number, persistence = 0.9) {
    this.#k = k;
    this.#depth = Math.max(k, RBO_DEPTH);
    this.#persistence = persistence;
  }

  /** Adds one request: both models' scores of the same candidates, none NaN. Equal scores rank in the candidates' order. */
  add(student: ArrayLike<number>, teacher: ArrayLike<number>): void {
    const [a, b] = [ranked(student, this.#depth, this.#top[0]), ranked(teacher, this.#depth, this.#top[1])];
    const tau = kendallTau(student, teacher);
    this.#lists++;
    this.#sums.overlap += overlapAtK(a, b, this.#k);
    this.#sums.jaccard += jaccardAtK(a, b, this.#k);
    this.#sums.rbo += rankBiasedOverlap(a, b, this.#persistence);
    if (Number.isNaN(tau)) return;
    this.#taus++;
    this.#sums.tau += tau;
  }

  /** NaN before the first list. */
  means(): ChurnMeans {
    const { overlap, jaccard, rbo, tau } = this.#sums;
    const lists = this.#lists;
    return {
      lists,
      overlap: overlap / lists,
      jaccard: jaccard / lists,
      rbo: rbo / lists,
      tau: tau / this.#taus,
    };
  }
}

function ranked(scores: ArrayLike<number>, depth: number, top: TopK): Uint32Array {
  top.reset(Math.min(depth, scores.length));
  for (let row = 0; row < scores.length; row++) if (scores[row] >= top.floor) top.offer(row, scores[row]);
  return top.rows.subarray(0, top.sort());
}
