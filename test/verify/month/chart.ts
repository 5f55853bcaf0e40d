import { type Chart, scatterChart } from '../../../common/charts/scatter-chart.ts';
import { stackedCharts } from '../../../common/charts/stacked-charts.ts';
import { spreadOf } from './figures.ts';
import type { PairFigures } from './run-pair.ts';
import type { MonthFigures } from './simulation.ts';

/** Reward, coverage and the long tail's slots by day of both policies, with 95% intervals over seeds: an SVG document. */
export function monthChart(pairs: readonly PairFigures[]): string {
  const panel = (title: string, yLabel: string, of: (figures: MonthFigures) => readonly number[]): string =>
    scatterChart({
      title,
      xLabel: 'day',
      yLabel,
      series: [
        seriesOf(
          'greedy',
          pairs.map(({ greedy }) => of(greedy)),
        ),
        seriesOf(
          'full',
          pairs.map(({ full }) => of(full)),
        ),
      ],
    });
  return stackedCharts('The month: greedy and full', [
    panel('Expected clicks a slate', 'clicks', ({ days }) => days.map(({ reward }) => reward)),
    panel('Catalogue shown so far, from the day compared on', 'share', ({ coverage }) => coverage),
    panel('Slots of the long tail', 'share', ({ days }) => days.map(({ longTail }) => longTail)),
  ]);
}

function seriesOf(name: string, months: readonly (readonly number[])[]): Chart['series'][number] {
  const points = months[0].map((_, day) => {
    const { mean, interval } = spreadOf(months.map((values) => values[day]));
    return { x: day + 1, y: mean, label: '', interval };
  });
  return { name, points };
}
