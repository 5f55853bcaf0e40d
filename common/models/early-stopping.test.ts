import { describe, expect, it } from 'vitest';
import type { CandidateModel } from './candidate-model.ts';
import { EarlyStopping } from './early-stopping.ts';

/** Runs a fit whose state is its step and whose merits are given, to its end. */
async function fitted(merits: readonly number[], patience: number | undefined) {
  const state = new Float32Array(1);
  const model: CandidateModel = { itemCount: 0, scoreUsers: () => {} };
  const heldOut = patience === undefined ? undefined : { patience, merit: async () => merits[state[0] - 1] };
  const stopping = new EarlyStopping(heldOut, model, [state]);
  let steps = 0;
  do state[0] = ++steps;
  while (steps < merits.length && !(await stopping.shouldStop()));
  stopping.restore();
  return { steps, kept: state[0] };
}

describe('early stopping', () => {
  it('stops after so many measurements without a better one and puts the best state back', async () => {
    expect(await fitted([1, 3, 2, 3, 2, 9], 3)).toEqual({ steps: 5, kept: 2 });
  });

  it('never stops where nothing is held out, and keeps the last state', async () => {
    expect(await fitted([3, 2, 1], undefined)).toEqual({ steps: 3, kept: 3 });
  });

  it('refuses a merit that is not a number', async () => {
    await expect(fitted([Number.NaN, 1], 2)).rejects.toThrow('merit is NaN');
  });
});
