import { describe, expect, it } from 'vitest';
import { CANDIDATE_FAMILIES, chooseAndFit } from './candidate-families.ts';
import type { CandidateModel } from './candidate-model.ts';
import { communities } from './communities.test-world.ts';
import { rankHeldOut } from './held-out.ts';
import { gmfDefaults, ncfGrid } from './ncf.ts';

/** Three or four items a person. */
const { train, valid, test } = communities(7, {
  users: 800,
  items: 200,
  communityCount: 4,
  taken: 4,
  heldOut: 2,
});
const ndcg = async (model: CandidateModel, truth: typeof test) =>
  (await rankHeldOut(model, train, truth, [10]))[0].ndcg;
const run = {
  seed: 1,
  threads: 1,
  heldOut: { merit: (model: CandidateModel) => ndcg(model, valid), patience: 5 },
};

describe('settings chosen by held-out interactions', () => {
  it.each(['gmf', 'lightgcn', 'als', 'ials'])(
    'make %s far better than popularity on short histories',
    async (name) => {
      const popularity = await chooseAndFit(CANDIDATE_FAMILIES.popularity, train, run);
      const { model } = await chooseAndFit(CANDIDATE_FAMILIES[name], train, run);
      expect(await ndcg(model, test)).toBeGreaterThan(4 * (await ndcg(popularity.model, test)));
    },
    60_000,
  );
});

describe('the epochs of a neural collaborative filter', () => {
  const epochs = (interactions: number) =>
    ncfGrid(gmfDefaults, { ...train, columns: new Uint32Array(interactions) })[0].epochs;

  it('are fewer the more interactions there are, so that the pairs of a fit are bounded', () => {
    const sizes = [800, 20_000, 500_000, 1_000_000];
    const all = sizes.map(epochs);
    expect(all).toEqual(all.toSorted((a, b) => b - a));
    expect(all[3] * 5 * sizes[3]).toBeLessThanOrEqual(36e6);
    expect(epochs(585_000)).toBe(gmfDefaults.epochs);
  });

  it('are bounded where an epoch is one step, however few interactions there are', () => {
    expect(epochs(1)).toBe(epochs(50));
    expect(epochs(1)).toBeLessThanOrEqual(1000 * gmfDefaults.epochs);
  });
});
