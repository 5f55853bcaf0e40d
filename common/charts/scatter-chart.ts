import type { Interval } from '../metrics/significance.ts';
import { COLOURS, formatTick, type Scale, scaleOver, svgDocument, text, ticks } from './svg.ts';

/** One point of a chart, with its name beside it. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Empty: none. */
  readonly label: string;
  /** Of y; drawn as a bar through the point. */
  readonly interval?: Interval;
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Drawn in order; joined by a line unless `isJoined` is false. */
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly ChartPoint[];
    readonly isJoined?: boolean;
  }[];
}

const WIDTH = 720;
const HEIGHT = 440;
const MARGIN = { left: 80, right: 110, top: 50, bottom: 60 };
/** The chart as an SVG document of its own. Series take up to three colours; every coordinate is finite. */
export function scatterChart({ title, xLabel, yLabel, series }: Chart): string {
  const points = series.flatMap((line) => line.points);
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = scaleOver(
    points.map((point) => point.x),
    MARGIN.left,
    right,
  );
  const y = scaleOver(
    points.flatMap(({ y, interval = { low: y, high: y } }) => [y, interval.low, interval.high]),
    bottom,
    MARGIN.top,
  );
  const xTicks = ticks(x).map((value) => {
    const at = x.at(value).toFixed(1);
    return `<line x1="${at}" y1="${MARGIN.top}" x2="${at}" y2="${bottom}" class="grid"/>${text(at, bottom + 20, formatTick(value, x), 'middle')}`;
  });
  const yTicks = ticks(y).map((value) => {
    const at = y.at(value).toFixed(1);
    return `<line x1="${MARGIN.left}" y1="${at}" x2="${right}" y2="${at}" class="grid"/>${text(MARGIN.left - 8, Number(at) + 4, formatTick(value, y), 'end')}`;
  });
  const middle = (MARGIN.top + bottom) / 2;
  return svgDocument(title, WIDTH, HEIGHT, [
    text(MARGIN.left, 26, title, 'start', 'font-size="15" font-weight="bold"'),
    ...xTicks,
    ...yTicks,
    text((MARGIN.left + right) / 2, HEIGHT - 16, xLabel, 'middle'),
    text(20, middle, yLabel, 'middle', `transform="rotate(-90 20 ${middle})"`),
    ...series.map((line, i) => drawn(line, COLOURS[i % COLOURS.length], x, y, i)),
  ]);
}

function drawn(
  { name, points, isJoined = true }: Chart['series'][number],
  colour: string,
  x: Scale,
  y: Scale,
  index: number,
): string {
  const at = points.map((point) => `${x.at(point.x).toFixed(1)},${y.at(point.y).toFixed(1)}`);
  const marks = points.map(({ x: pointX, y: pointY, label, interval }) => {
    const [cx, cy] = [x.at(pointX), y.at(pointY)];
    const bar =
      interval === undefined
        ? ''
        : `<line x1="${cx.toFixed(1)}" y1="${y.at(interval.low).toFixed(1)}" x2="${cx.toFixed(1)}" y2="${y.at(interval.high).toFixed(1)}" stroke="${colour}" stroke-opacity="0.5"/>`;
    const circle = `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${label === '' ? 2.5 : 4}" fill="${colour}"/>`;
    return bar + circle + (label === '' ? '' : text(cx + 7, cy - 6, label, 'start'));
  });
  return [
    isJoined ? `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>` : '',
    ...marks,
    text(WIDTH - MARGIN.right + 12, MARGIN.top + 16 * index + 8, name, 'start', `style="fill:${colour}"`),
  ].join('\n');
}
