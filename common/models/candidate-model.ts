import type { InteractionMatrix } from './interactions.ts';

/** A fitted candidate model as evaluation, blending and ranking see it: a score for every item for each row it learnt from. */
export interface CandidateModel {
  readonly itemCount: number;
  /**
   * Writes the scores of all items for rows `users` of the training matrix: `users.length` × `itemCount`, row-major, finite,
   * higher is better. Only the order within a row means something unless the model says more.
   */
  scoreUsers(users: Uint32Array, scores: Float32Array): void | Promise<void>;
  /** What the fit found out, for whoever reports on it. */
  readonly findings?: Readonly<Record<string, unknown>>;
}

/** A candidate model whose score is an inner product, which makes it a nearest-neighbour source. */
export interface VectorModel extends CandidateModel {
  readonly dim: number;
  /** Row-major `users × dim`. */
  readonly userFactors: Float32Array;
  /** Row-major `itemCount × dim`. */
  readonly itemFactors: Float32Array;
}

/** Interactions held out from a fit: they choose when it stops and between settings. */
export interface HeldOut {
  /** Figure of merit of the model as it stands, higher is better. */
  merit(model: CandidateModel): Promise<number>;
  /** Measurements without a better figure before training stops; the best state is kept. */
  readonly patience: number;
}

/** What a fit is given beside its data and its settings. */
export interface FitRun {
  readonly seed: number;
  /** Threads that the fit may use. */
  readonly threads: number;
  /** Absent: the fit runs its full length. */
  readonly heldOut?: HeldOut;
  /** Steps done of all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** More settings to try on a data set, near the best so far; none where it is good enough or dearer than it is worth. */
export type Refinement<S> = (matrix: InteractionMatrix, best: S) => readonly S[];
