import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { compared, comparisonLine, pairOf } from './comparison.ts';
import { metricsTable } from './metrics-table.ts';

const model = (...ndcg: number[]) => ({ metrics: {}, ndcg: Float64Array.from(ndcg) });

it('compares two models by their users, the first less the second', () => {
  const models = { a: model(1, 0.5, 0, 1), b: model(0.5, 0, 0, 1) };
  const found = compared(models, ['a', 'b']);
  expect(found).toMatchObject({ difference: 0.25, low: 0, high: 0.5, users: 4 });
  expect(found.pStudent).toBeCloseTo(0.1817, 4);
  expect(Math.abs(found.pRandomisation - 0.5)).toBeLessThan(0.02);
  expect(comparisonLine(['a', 'b'], 'ndcg@10', found)).toMatch(
    /^a − b: ndcg@10 \+0\.2500 \(95% \+0\.0000 to \+0\.5000\), p = 0\.\d+ by randomisation, 0\.18 by paired t$/,
  );
  expect(comparisonLine(['b', 'a'], 'ndcg@10', compared(models, ['b', 'a']))).toContain('−0.2500');
});

it('refuses what cannot be compared', () => {
  expect(() => pairOf(['a'])).toThrow('expected two models, not 1');
  expect(() => pairOf(['a', 'b', 'c'])).toThrow('expected two models, not 3');
  expect(() => compared({ a: model(1) }, ['a', 'oracle'])).toThrow('there is no oracle; measured are a');
});

it('the table fits in 110 characters and leaves open what was not measured', () => {
  const figures = {
    'hr@20': 1,
    'ndcg@20': 0.5,
    'ndcg@20-low': 0.25,
    'ndcg@20-high': 0.75,
    'recall@20': 1,
    users: 6040,
  };
  const table = metricsTable({
    'cascade-shuffled': {
      ...figures,
      'map@20': 0.1,
      'coverage@20': 0.2,
      'novelty@20': 11.216,
      'diversity@20': 0.75,
    },
    other: { ...figures, 'ndcg@20': 0.25 },
  });
  const lines = stripVTControlCharacters(table).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110);
  expect(lines[0].trim().split(/\s+/)).toEqual(
    'model hr@20 ndcg@20 95% recall map coverage novelty diversity users'.split(' '),
  );
  expect(lines[1]).toContain('0.2500–0.7500');
  expect(lines[1]).toMatch(/0\.2000 +11\.22 +0\.7500 +6040$/);
  expect(lines[2].trim().split(/\s+/)).toEqual([
    'other',
    '1.0000',
    '0.2500',
    '0.2500–0.7500',
    '1.0000',
    '6040',
  ]);
  expect(stripVTControlCharacters(metricsTable({}))).toBe('nothing was measured');
});
