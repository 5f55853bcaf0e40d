import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { fitAls } from './als.ts';
import { type InteractionMatrix, interactionMatrix } from './interactions.ts';
import { fitSvd } from './svd.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

const USERS = 50;
const ITEMS = 21;
const random = new Random(8);
const pairs = Array.from({ length: 500 }, () => [random.int(USERS), random.int(ITEMS - 1)]).filter(
  ([user, item]) => (user + item) % 3 !== 0,
);
const matrix: InteractionMatrix = interactionMatrix(
  { users: Uint32Array.from(pairs, ([user]) => user), items: Uint32Array.from(pairs, ([, item]) => item) },
  USERS,
  ITEMS,
);
const cells = new Float64Array(USERS * ITEMS);
for (const [user, item] of pairs) cells[user * ITEMS + item] = 1;

/** XᵀX of the binary matrix. */
function gramian(): Float64Array {
  const out = new Float64Array(ITEMS * ITEMS);
  for (let i = 0; i < ITEMS; i++) {
    for (let j = 0; j < ITEMS; j++) {
      for (let user = 0; user < USERS; user++)
        out[i * ITEMS + j] += cells[user * ITEMS + i] * cells[user * ITEMS + j];
    }
  }
  return out;
}

const { values, vectors } = symmetricEigen(gramian(), ITEMS);
const allUsers = Uint32Array.from({ length: USERS }, (_, user) => user);
const run = { seed: 1, threads: 1 };

/** Σ_k X v_k shrink_k v_kᵀ over the leading `dim` right singular vectors. */
function truncated(dim: number, shrink: (square: number) => number): Float64Array {
  const out = new Float64Array(USERS * ITEMS);
  for (let k = 0; k < dim; k++) {
    for (let user = 0; user < USERS; user++) {
      let coordinate = 0;
      for (let i = 0; i < ITEMS; i++) coordinate += cells[user * ITEMS + i] * vectors[i * ITEMS + k];
      for (let i = 0; i < ITEMS; i++)
        out[user * ITEMS + i] += shrink(values[k]) * coordinate * vectors[i * ITEMS + k];
    }
  }
  return out;
}

function expectClose(actual: Float32Array, expected: Float64Array, tolerance: number): void {
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i])), 0);
  expect(worst).toBeLessThan(tolerance);
}

describe('the eigenvectors of a symmetric matrix', () => {
  it('are orthonormal, in order of their values, and multiplied by them', () => {
    const a = gramian();
    for (let k = 0; k < ITEMS; k++) {
      if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1]);
      for (let i = 0; i < ITEMS; i++) {
        let image = 0;
        let inner = 0;
        for (let j = 0; j < ITEMS; j++) {
          image += a[i * ITEMS + j] * vectors[j * ITEMS + k];
          inner += vectors[j * ITEMS + i] * vectors[j * ITEMS + k];
        }
        expect(image).toBeCloseTo(values[k] * vectors[i * ITEMS + k], 8);
        expect(inner).toBeCloseTo(i === k ? 1 : 0, 8);
      }
    }
  });
});

describe('SVD', () => {
  it('scores by the projection on the leading singular vectors', async () => {
    const options = { dim: 3, countExponent: 0, iterations: 40 };
    const scores = new Float32Array(USERS * ITEMS);
    await (await fitSvd(matrix, options, run)).scoreUsers(allUsers, scores);
    expectClose(
      scores,
      truncated(3, () => 1),
      1e-4,
    );
  });

  it('has as many dimensions as items where it is asked for more, and then gives the matrix back', async () => {
    const model = await fitSvd(matrix, { dim: 64, countExponent: 0, iterations: 8 }, run);
    expect(model.dim).toBe(ITEMS);
    const scores = new Float32Array(USERS * ITEMS);
    await model.scoreUsers(allUsers, scores);
    expectClose(scores, cells, 1e-4);
  });

  it('gives popular items less where their counts damp them', async () => {
    const popular = gramian().reduce(
      (best, value, at, all) =>
        at % (ITEMS + 1) === 0 && value > all[best * (ITEMS + 1)] ? at / (ITEMS + 1) : best,
      0,
    );
    const weight = async (countExponent: number) => {
      const { itemFactors } = await fitSvd(matrix, { dim: 1, countExponent, iterations: 30 }, run);
      return Math.abs(itemFactors[popular]);
    };
    expect(await weight(-0.5)).toBeLessThan(await weight(0));
  });
});

describe('ALS over all cells', () => {
  it('has the closed form of its minimum: singular values less the regularisation', async () => {
    const regularisation = 1.5;
    const options = { dim: 4, sweeps: 300, regularisation };
    const scores = new Float32Array(USERS * ITEMS);
    await (await fitAls(matrix, options, run)).scoreUsers(allUsers, scores);
    const shrunk = truncated(4, (square) => 1 - regularisation / Math.sqrt(square));
    expectClose(scores, shrunk, 5e-3);
  });

  it('gives the same bits on two threads', async () => {
    const options = { dim: 6, sweeps: 3, regularisation: 1 };
    expect((await fitAls(matrix, options, { ...run, threads: 2 })).itemFactors).toEqual(
      (await fitAls(matrix, options, run)).itemFactors,
    );
  });
});
