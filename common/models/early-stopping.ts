import type { CandidateModel, HeldOut } from './candidate-model.ts';

/**
 * Watches a fit by its held-out merit: says when it has not improved for `heldOut.patience` measurements, and puts its best
 * state back. Where nothing is held out it never stops a fit and keeps the state as it stands.
 */
export class EarlyStopping {
  readonly #heldOut: HeldOut | undefined;
  readonly #model: CandidateModel;
  readonly #state: readonly Float32Array[];
  #best: readonly Float32Array[] = [];
  #bestMerit = Number.NEGATIVE_INFINITY;
  #sinceBest = 0;

  /** `state`: the arrays that `model` reads and that the fit changes in place. */
  constructor(heldOut: HeldOut | undefined, model: CandidateModel, state: readonly Float32Array[]) {
    this.#heldOut = heldOut;
    this.#model = model;
    this.#state = state;
  }

  /** Measures the model as it stands; true when the fit should stop. Throws where the merit is NaN. */
  async shouldStop(): Promise<boolean> {
    if (this.#heldOut === undefined) return false;
    const merit = await this.#heldOut.merit(this.#model);
    if (Number.isNaN(merit)) throw new Error('the held-out merit is NaN');
    if (merit > this.#bestMerit) {
      this.#bestMerit = merit;
      this.#sinceBest = 0;
      this.#best = this.#state.map((array) => array.slice());
      return false;
    }
    return ++this.#sinceBest >= this.#heldOut.patience;
  }

  /** Puts back the best state that was measured, if any was. */
  restore(): void {
    for (const [i, array] of this.#best.entries()) this.#state[i].set(array);
  }
}
