import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { columnEntries, entryRows, interactionMatrix, transpose } from './interactions.ts';

const source = {
  users: Uint32Array.of(2, 0, 2, 0, 2, 0),
  items: Uint32Array.of(1, 3, 0, 1, 1, 0),
  weights: Float32Array.of(1, 2, 4, 8, 16, 32),
  times: Float64Array.of(10, 5, 20, 5, 30, 1),
};

describe('interactionMatrix', () => {
  it('orders rows by time then item, sums repeats at their latest time, keeps empty rows', () => {
    const matrix = interactionMatrix(source, 4, 5);
    expect(matrix.offsets).toEqual(Uint32Array.of(0, 3, 3, 5, 5));
    expect(matrix.columns).toEqual(Uint32Array.of(0, 1, 3, 0, 1));
    expect(matrix.weights).toEqual(Float32Array.of(32, 8, 2, 4, 17));
    expect(matrix.times).toEqual(Float64Array.of(1, 5, 5, 20, 30));
  });

  it('does not depend on the order of the events', () => {
    const random = new Random(3);
    const expected = interactionMatrix(source, 4, 5);
    for (let round = 0; round < 20; round++) {
      const order = random.shuffle([0, 1, 2, 3, 4, 5]);
      const shuffled = {
        users: Uint32Array.from(order, (i) => source.users[i]),
        items: Uint32Array.from(order, (i) => source.items[i]),
        weights: Float32Array.from(order, (i) => source.weights[i]),
        times: Float64Array.from(order, (i) => source.times[i]),
      };
      expect(interactionMatrix(shuffled, 4, 5)).toEqual(expected);
    }
  });

  it('orders by item and weighs 1 where only pairs are given', () => {
    const matrix = interactionMatrix(
      { users: Uint32Array.of(0, 0, 0), items: Uint32Array.of(4, 2, 4) },
      1,
      5,
    );
    expect(matrix.columns).toEqual(Uint32Array.of(2, 4));
    expect(matrix.weights).toEqual(Float32Array.of(1, 2));
  });

  it('names the column and position of a bad value', () => {
    const built = (change: object) => () => interactionMatrix({ ...source, ...change }, 3, 4);
    expect(built({ items: Uint32Array.of(1) })).toThrow('items: 1 values for 6 users');
    expect(built({ users: Uint32Array.of(2, 0, 2, 3, 2, 0) })).toThrow('users[3]: 3 of 3 rows');
    expect(built({ items: Uint32Array.of(1, 3, 0, 1, 4, 0) })).toThrow('items[4]: 4 of 4 items');
    expect(built({ weights: Float32Array.of(1, NaN, 1, 1, 1, 1) })).toThrow('weights[1]: NaN');
    expect(built({ weights: Float32Array.of(1, 1, -1, 1, 1, 1) })).toThrow('weights[2]: -1');
    expect(built({ times: Float64Array.of(1, 1, 1, 1, 1, Infinity) })).toThrow('times[5]: Infinity');
  });
});

describe('the column views', () => {
  const matrix = interactionMatrix(source, 4, 5);

  it('transpose keeps every entry; twice, with rows by ordinal, gives the matrix back', () => {
    const byItem = transpose(matrix);
    expect(byItem.offsets).toEqual(Uint32Array.of(0, 2, 4, 4, 5, 5));
    expect(byItem.columns).toEqual(Uint32Array.of(0, 2, 0, 2, 0));
    expect(byItem.weights).toEqual(Float32Array.of(32, 4, 8, 17, 2));
    expect(byItem.times).toEqual(Float64Array.of(1, 20, 5, 30, 5));
    const twice = transpose(byItem);
    const byOrdinal = interactionMatrix({ ...source, times: new Float64Array(6) }, 4, 5);
    expect([twice.offsets, twice.columns, twice.weights]).toEqual([
      byOrdinal.offsets,
      byOrdinal.columns,
      byOrdinal.weights,
    ]);
  });

  it('columnEntries and entryRows say where an entry stands', () => {
    const { offsets, entries } = columnEntries(matrix);
    const rows = entryRows(matrix);
    expect(rows).toEqual(Uint32Array.of(0, 0, 0, 2, 2));
    for (let item = 0; item < 5; item++) {
      for (let at = offsets[item]; at < offsets[item + 1]; at++)
        expect(matrix.columns[entries[at]]).toBe(item);
    }
  });
});
