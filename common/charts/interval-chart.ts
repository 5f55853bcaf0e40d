import type { Interval } from '../metrics/significance.ts';
import { COLOURS, formatTick, scaleOver, svgDocument, text, ticks } from './svg.ts';

/** A value with its interval, named at the left. */
export interface IntervalRow {
  readonly name: string;
  readonly value: number;
  readonly interval: Interval;
  /** Rows of a number have a colour in common; 0 first, up to three. */
  readonly group: number;
}

const WIDTH = 720;
const ROW = 22;
const MARGIN = { left: 190, right: 30, top: 50, bottom: 50 };

/** Rows of intervals over one axis, from top to bottom, as an SVG document of its own. Values and bounds are finite. */
export function intervalChart(title: string, xLabel: string, rows: readonly IntervalRow[]): string {
  const bottom = MARGIN.top + ROW * rows.length;
  const right = WIDTH - MARGIN.right;
  const x = scaleOver(
    rows.flatMap(({ value, interval }) => [value, interval.low, interval.high]),
    MARGIN.left,
    right,
  );
  return svgDocument(title, WIDTH, bottom + MARGIN.bottom, [
    text(16, 26, title, 'start', 'font-size="15" font-weight="bold"'),
    ...ticks(x).map((value) => {
      const at = x.at(value).toFixed(1);
      return `<line x1="${at}" y1="${MARGIN.top}" x2="${at}" y2="${bottom}" class="grid"/>${text(at, bottom + 18, formatTick(value, x), 'middle')}`;
    }),
    ...rows.map(({ name, value, interval, group }, row) => {
      const y = MARGIN.top + ROW * (row + 0.5);
      const colour = COLOURS[group % COLOURS.length];
      return [
        text(MARGIN.left - 10, y + 4, name, 'end'),
        `<line x1="${x.at(interval.low).toFixed(1)}" y1="${y}" x2="${x.at(interval.high).toFixed(1)}" y2="${y}" stroke="${colour}" stroke-width="2"/>`,
        `<circle cx="${x.at(value).toFixed(1)}" cy="${y}" r="4" fill="${colour}"/>`,
      ].join('');
    }),
    text((MARGIN.left + right) / 2, bottom + 38, xLabel, 'middle'),
  ]);
}
