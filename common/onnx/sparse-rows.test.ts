import { describe, expect, it } from 'vitest';
import { Adam } from './optimiser.ts';
import { SparseRows } from './sparse-rows.ts';

const WIDTH = 2;

describe('sparse rows', () => {
  it('sum the gradients of a repeated id and move only what was touched', () => {
    const table = Float32Array.of(1, 1, 2, 2, 3, 3);
    const rows = new SparseRows(table, WIDTH, 'sgd');
    rows.add(Uint32Array.of(2, 0, 2), Float32Array.of(1, 2, 10, 20, 3, 4));
    expect([...rows.gradients]).toEqual([4, 6, 10, 20]);
    rows.step(0.5);
    expect([...table]).toEqual([-4, -9, 2, 2, 1, 0]);
    expect(rows.gradients).toHaveLength(0);
    rows.add(Uint32Array.of(2), Float32Array.of(1, 1));
    expect([...rows.gradients]).toEqual([1, 1]);
  });

  it('share a bag among its ids by their scales', () => {
    const rows = new SparseRows(new Float32Array(4 * WIDTH), WIDTH, 'sgd');
    rows.addBags(Uint32Array.of(1, 3, 3, 0), Float32Array.of(0.5, 0.5, 1, 0), 2, Float32Array.of(2, 4, 1, 1));
    expect([...rows.gradients]).toEqual([1, 2, 2, 3]);
  });

  it('follow Adam where every batch touches every row', () => {
    const dense = Float32Array.from({ length: 3 * WIDTH }, (_, i) => i);
    const table = dense.slice();
    const rows = new SparseRows(table, WIDTH, 'adam');
    const adam = new Adam(dense.length);
    for (let step = 1; step <= 3; step++) {
      const gradients = dense.map((_, i) => Math.sin(i * step));
      rows.add(Uint32Array.of(0, 1, 2), gradients);
      rows.step(0.1);
      adam.step(dense, gradients, 0.1);
    }
    expect([...table]).toEqual([...dense]);
  });

  it('leave a row and its moments alone between its batches', () => {
    const table = new Float32Array(2 * WIDTH);
    const rows = new SparseRows(table, WIDTH, 'adam');
    rows.add(Uint32Array.of(0), Float32Array.of(1, -1));
    rows.step(0.1);
    const kept = table.slice(0, WIDTH);
    for (let step = 0; step < 5; step++) {
      rows.add(Uint32Array.of(1), Float32Array.of(1, 1));
      rows.step(0.1);
    }
    expect([...table.subarray(0, WIDTH)]).toEqual([...kept]);
  });

  it('penalise touched rows only, and hold as many as a batch touches', () => {
    const table = new Float32Array(200 * WIDTH).fill(1);
    const rows = new SparseRows(table, WIDTH, 'sgd');
    const ids = Uint32Array.from({ length: 150 }, (_, i) => i);
    rows.add(ids, new Float32Array(150 * WIDTH));
    rows.addPenalties({ l2: 0.5, l1: 0.25 });
    rows.step(1);
    expect([table[0], table[149 * WIDTH + 1], table[150 * WIDTH]]).toEqual([0.25, 0.25, 1]);
  });
});
