import { expect, test } from 'vitest';
import { tableLines } from './table.ts';

test('columns line up, numbers to the right, long cells cut, styles without effect on widths', () => {
  const lines = tableLines(
    [
      { title: '#', align: 'right' },
      { title: 'title', widthMax: 6, style: (cell) => `<${cell}>` },
      { title: 'score', align: 'right' },
      { title: 'why' },
    ],
    [
      ['1', 'Up', '0.5', 'x'],
      ['10', 'Metropolis', '12.25', ''],
    ],
  );
  expect(lines).toEqual([' #  title   score  why', ' 1  <Up    >    0.5  x', '10  <Metro…>  12.25']);
});

test('no rows: the titles alone', () => {
  expect(tableLines([{ title: 'a' }, { title: 'b' }], [])).toEqual(['a  b']);
});
