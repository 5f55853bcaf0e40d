import { expect, it } from 'vitest';
import { CellError, MISSING, type TextColumn, TextVectoriser } from './text-columns.ts';

function column(name: string, cells: readonly (string | undefined)[]): TextColumn {
  const values = [...new Set(cells.filter((cell) => cell !== undefined))];
  const codes = Uint32Array.from(cells, (cell) => (cell === undefined ? MISSING : values.indexOf(cell)));
  return { name, values, codes };
}

const fitted = [
  column('number', ['1', '-2.5e3', undefined, '+.5', '1']),
  column('city', ['Rome', 'Oslo', 'Oslo', undefined, 'Bonn']),
  column('code', ['1', '2', '2', '2', 'x']),
  column('empty', [undefined, undefined, undefined, undefined, undefined]),
];

it('infers kinds from the fitted rows, codes by falling frequency, and reads rare and unseen values alike', () => {
  const vectoriser = new TextVectoriser(fitted, 1);
  expect(vectoriser.columns).toEqual([
    { kind: 'numeric', name: 'number' },
    { kind: 'categorical', name: 'city', size: 3 },
    { kind: 'categorical', name: 'code', size: 3 },
    { kind: 'categorical', name: 'empty', size: 0 },
  ]);
  expect([...vectoriser.features(fitted)].slice(0, 8)).toEqual([1, 2, 1, NaN, -2500, 0, 0, NaN]);
  const later = [
    column('number', ['7']),
    column('city', ['Lima']),
    column('code', ['1']),
    column('empty', ['a']),
  ];
  expect([...vectoriser.features(later)]).toEqual([7, -1, 1, -1]);
  expect(new TextVectoriser(fitted, 1).hash).toBe(vectoriser.hash);
  const moved = fitted.with(1, column('city', ['Rome', 'Rome', 'Oslo', undefined, 'Bonn']));
  expect(new TextVectoriser(moved, 1).hash).not.toBe(vectoriser.hash);
  const cut = new TextVectoriser(fitted, 2);
  expect(cut.columns[1]).toEqual({ kind: 'categorical', name: 'city', size: 1 });
  expect([...cut.features(fitted)].filter((_, i) => i % 4 === 1)).toEqual([-1, 0, 0, NaN, -1]);
});

it('names column and row of a word among numbers, and of a number beyond float32', () => {
  const vectoriser = new TextVectoriser(fitted.slice(0, 1), 1);
  for (const text of ['seven', '1e39', '0x10', 'Infinity']) {
    const read = () => vectoriser.features([column('number', ['1', text])]);
    expect(read).toThrow(CellError);
    expect(read).toThrow(expect.objectContaining({ column: 'number', row: 1 }));
  }
});
