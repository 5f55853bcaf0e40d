import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { fitBlend } from './blend.ts';
import type { CandidateModel, HeldOut } from './candidate-model.ts';
import { communities } from './communities.test-world.ts';
import { rankHeldOut } from './held-out.ts';

const { train, valid, test } = communities(11);
const heldOut: HeldOut = {
  patience: 1,
  merit: async (model) => (await rankHeldOut(model, train, valid, [10]))[0].ndcg,
};

/** Knows the community of one in `every` items, on a scale of its own; the rest is noise. */
function partial(every: number, scale: number, seed: number): CandidateModel {
  const itemCount = train.columnCount;
  return {
    itemCount,
    scoreUsers(users, scores) {
      for (const [r, user] of users.entries()) {
        const random = new Random(1000 * seed + user);
        for (let item = 0; item < itemCount; item++) {
          const known = item % every === 0 && (user - item) % 4 === 0;
          scores[r * itemCount + item] = scale * (3 + 2 * Number(known) + random.normal());
        }
      }
    },
  };
}

const ndcg = async (model: CandidateModel) => (await rankHeldOut(model, train, test, [10]))[0].ndcg;

describe('blend', () => {
  it('is better than its members, whatever their scales', async () => {
    const members = [partial(1, 1, 1), partial(1, 1e4, 2), partial(3, 1e-4, 3)];
    const blend = await fitBlend(members, train, heldOut);
    const alone = await Promise.all(members.map(ndcg));
    expect(await ndcg(blend)).toBeGreaterThan(Math.max(...alone) + 0.03);
    expect(blend.weights[0]).toBeGreaterThan(0);
    expect(blend.weights[1]).toBeGreaterThan(0);
  });

  it('leaves out what only harms', async () => {
    const noise: CandidateModel = {
      itemCount: train.columnCount,
      scoreUsers: (users, scores) =>
        partial(1, 1, 4).scoreUsers(
          users.map((user) => user + 1),
          scores,
        ),
    };
    const { weights } = await fitBlend([noise, partial(1, 1, 1)], train, heldOut);
    expect([...weights]).toEqual([0, 1]);
  });

  it('weighs alike where nothing is held out, and bears rows whose scores are all alike', async () => {
    const flat: CandidateModel = {
      itemCount: train.columnCount,
      scoreUsers: (_, scores) => void scores.fill(7),
    };
    const blend = await fitBlend([flat, partial(1, 1, 1)], train);
    expect([...blend.weights]).toEqual([1, 1]);
    expect(await ndcg(blend)).toBeCloseTo(await ndcg(partial(1, 1, 1)), 6);
  });
});
