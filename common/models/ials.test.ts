import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { dotRow, lossOf, solveExactly } from './ials.test-oracle.ts';
import type { IalsOptions } from './ials.ts';
import {
  decodeIals,
  encodeIals,
  fitIals,
  fitIalsCandidates,
  IalsUserSolver,
  ialsDefaults,
  ialsRefinements,
} from './ials.ts';
import type { InteractionMatrix } from './interactions.ts';
import { interactionMatrix } from './interactions.ts';
import { noRecency, withRecency } from './recency.ts';

const USERS = 50;
const ITEMS = 30;
const options: IalsOptions = {
  ...ialsDefaults,
  dim: 7,
  sweeps: 4,
  unobservedWeight: 0.2,
  regularisation: 0.05,
  frequencyExponent: 0.7,
  foldInSteps: 30,
  recency: { halfLifeEvents: 6, floor: 0.3 },
  foldInRecency: { halfLifeEvents: 6, floor: 0.3 },
};

/** Two tastes: even users like the low half of the items, odd users the high half, with some noise. */
function world(timed = true): InteractionMatrix {
  const random = new Random(5);
  const users: number[] = [];
  const items: number[] = [];
  for (let user = 0; user < USERS; user++) {
    for (let event = 0; event < 12; event++) {
      users.push(user);
      items.push(random.next() < 0.1 ? random.int(ITEMS) : (user % 2) * 15 + random.int(15));
    }
  }
  const times = Float64Array.from(users, (_, i) => i);
  const columns = { users: Uint32Array.from(users), items: Uint32Array.from(items) };
  return interactionMatrix(timed ? { ...columns, times } : columns, USERS, ITEMS);
}

const matrix = world();
const rowOf = (user: number) => matrix.columns.subarray(matrix.offsets[user], matrix.offsets[user + 1]);
const weightsOf = (user: number) => matrix.weights.subarray(matrix.offsets[user], matrix.offsets[user + 1]);

describe('iALS', () => {
  it('folds a history in to the exact minimiser of its part of the loss', () => {
    const model = fitIals(matrix, options);
    const solver = new IalsUserSolver(model);
    const faded = withRecency(matrix, options.foldInRecency);
    const vector = new Float32Array(options.dim);
    for (let user = 0; user < USERS; user++) {
      solver.solve(rowOf(user), weightsOf(user), vector);
      const exact = solveExactly(model, rowOf(user), faded.weights.subarray(matrix.offsets[user]));
      for (let i = 0; i < options.dim; i++) expect(vector[i]).toBeCloseTo(exact[i], 5);
    }
  });

  it('lowers the loss in every sweep', () => {
    const faded = withRecency(matrix, options.recency);
    const losses = [0, 1, 2, 3, 4, 5, 6].map((sweeps) => {
      const model = fitIals(matrix, { ...options, sweeps });
      const users = Array.from({ length: USERS }, (_, user) =>
        solveExactly(model, rowOf(user), faded.weights.subarray(matrix.offsets[user])),
      );
      return lossOf(faded, users, model);
    });
    for (let sweep = 1; sweep < losses.length; sweep++) expect(losses[sweep]).toBeLessThan(losses[sweep - 1]);
    expect(losses[6]).toBeLessThan(0.8 * losses[0]);
  });

  it('learns the two tastes', () => {
    const model = fitIals(matrix, { ...options, dim: 4, sweeps: 8 });
    const vector = new Float32Array(4);
    new IalsUserSolver(model).solve(Uint32Array.of(1, 2, 3), undefined, vector);
    const mean = (from: number) => {
      let sum = 0;
      for (let item = from; item < from + 15; item++) sum += dotRow(vector, model.itemFactors, item);
      return sum / 15;
    };
    expect(mean(0)).toBeGreaterThan(mean(15) + 0.1);
  });

  it('repeats bit for bit from its seed, and reports its sweeps', () => {
    const reported: number[] = [];
    const first = fitIals(matrix, options, (done, total) => reported.push(done / total));
    expect(fitIals(matrix, options).itemFactors).toEqual(first.itemFactors);
    expect(fitIals(matrix, { ...options, seed: 2 }).itemFactors).not.toEqual(first.itemFactors);
    expect(reported).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('gives the same bits on two threads', () => {
    expect(fitIals(matrix, options, undefined, 2).itemFactors).toEqual(fitIals(matrix, options).itemFactors);
  });

  it('as a candidate model has the vectors that the user solver makes of its histories', async () => {
    const asked = { ...options, foldInRecency: { halfLifeEvents: 2, floor: 0.1 } };
    const fitted = await fitIalsCandidates(matrix, asked, { seed: options.seed, threads: 1 });
    const model = fitIals(matrix, asked);
    expect(fitted.itemFactors).toEqual(model.itemFactors);
    const vector = new Float32Array(options.dim);
    for (let user = 0; user < USERS; user++) {
      new IalsUserSolver(model).solve(rowOf(user), weightsOf(user), vector);
      for (let i = 0; i < options.dim; i++)
        expect(fitted.userFactors[user * options.dim + i]).toBeCloseTo(vector[i], 4);
    }
  });

  it('is refined to twice the width only from the width before, and only where that is affordable', () => {
    const [to128, to256] = ialsRefinements.slice(2);
    expect(to128(matrix, ialsDefaults)).toEqual([{ ...ialsDefaults, dim: 128 }]);
    expect(to256(matrix, ialsDefaults)).toEqual([]);
    expect(to256(matrix, { ...ialsDefaults, dim: 128 })).toEqual([{ ...ialsDefaults, dim: 256 }]);
    expect(to128({ ...matrix, rowCount: 1e7 }, ialsDefaults)).toEqual([]);
  });

  it('drops recency where the data has no order', () => {
    const model = fitIals(world(false), options);
    expect(model.options.foldInRecency).toEqual(noRecency);
    const plain = fitIals(world(false), { ...options, recency: noRecency, foldInRecency: noRecency });
    expect(model.itemFactors).toEqual(plain.itemFactors);
  });
});

describe('the user solver', () => {
  const model = fitIals(matrix, { ...options, foldInRecency: noRecency });
  const solve = (items: number[], weights?: number[]) => {
    const vector = new Float32Array(options.dim).fill(9);
    new IalsUserSolver(model).solve(Uint32Array.from(items), weights && Float32Array.from(weights), vector);
    return vector;
  };

  it('answers zero for nothing known, and skips what the model does not know', () => {
    expect(solve([])).toEqual(new Float32Array(options.dim));
    expect(solve([ITEMS, 4_000_000])).toEqual(new Float32Array(options.dim));
    expect(solve([3, ITEMS + 1, 8])).toEqual(solve([3, 8]));
  });

  it('adds up repeats as the matrix does', () => {
    const repeated = solve([4, 8, 4]);
    const merged = solve([4, 8], [2, 1]);
    for (let i = 0; i < options.dim; i++) expect(repeated[i]).toBeCloseTo(merged[i], 6);
  });

  it('is not disturbed by the histories before', () => {
    const solver = new IalsUserSolver(model);
    const vector = new Float32Array(options.dim);
    solver.solve(
      Uint32Array.from({ length: 500 }, (_, i) => i % ITEMS),
      undefined,
      vector,
    );
    solver.solve(Uint32Array.of(3, 8), undefined, vector);
    expect(vector).toEqual(solve([3, 8]));
  });

  it('gives the same bits from the decoded model', () => {
    const decoded = decodeIals(encodeIals(model));
    expect(decoded).toEqual(model);
    const vector = new Float32Array(options.dim);
    new IalsUserSolver(decoded).solve(Uint32Array.of(3, 8), undefined, vector);
    expect(vector).toEqual(solve([3, 8]));
  });

  it('is refused from a part with other factors than its header says', () => {
    const bytes = encodeIals({ ...model, itemCount: ITEMS + 1 });
    expect(() => decodeIals(bytes)).toThrow(
      `model.ials: array "itemFactors" has ${ITEMS * 7} elements, not ${ITEMS * 7 + 7}`,
    );
  });
});
