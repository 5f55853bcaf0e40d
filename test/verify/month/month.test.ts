import { expect, test } from 'vitest';
import { scatterChart } from '../../../common/charts/scatter-chart.ts';
import { stackedCharts } from '../../../common/charts/stacked-charts.ts';
import { verifyMonth } from './month.ts';

test('over a short month the full stage keeps its promises against greedy relevance', {
  timeout: 240_000,
}, async () => {
  const lines: string[] = [];
  const holds = await verifyMonth({ short: true, print: (line) => lines.push(line) });
  expect(holds, lines.join('\n')).toBe(true);
});

test('charts below one another are one document as high as all of them, with what their labels say', () => {
  const chart = scatterChart({
    title: 'a < b',
    xLabel: 'x',
    yLabel: 'y',
    series: [
      {
        name: 'first',
        points: [
          { x: 0, y: 1, label: '', interval: { low: 0, high: 3 } },
          { x: 1, y: 2, label: 'here' },
        ],
      },
    ],
  });
  const both = stackedCharts('b & a', [chart, chart]);
  expect(both).toContain('viewBox="0 0 720 880"');
  expect(both.match(/<svg y="440"/g)).toHaveLength(1);
  expect(both.match(/<title>a &lt; b</g)).toHaveLength(2);
  expect(both.match(/<text [^>]*>a &lt; b</g)).toHaveLength(2);
  expect(both).toContain('<title>b &amp; a</title>');
  expect(both).not.toContain('NaN');
  expect(both.match(/stroke-opacity="0.5"/g)).toHaveLength(2);
});
