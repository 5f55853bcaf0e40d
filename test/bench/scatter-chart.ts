/** One point of a chart, with its name beside it. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Drawn in order, joined by a line. */
  readonly series: readonly { readonly name: string; readonly points: readonly ChartPoint[] }[];
}

const WIDTH = 720;
const HEIGHT = 440;
const MARGIN = { left: 80, right: 110, top: 50, bottom: 60 };
const TICKS = 5;
/** Blue, orange, green: apart for colour-blind eyes too (Okabe & Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73'];

interface Scale {
  readonly low: number;
  readonly high: number;
  at(value: number): number;
}

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
    points.map((point) => point.y),
    bottom,
    MARGIN.top,
  );
  const xTicks = ticks(x).map((value) => {
    const at = x.at(value).toFixed(1);
    return `<line x1="${at}" y1="${MARGIN.top}" x2="${at}" y2="${bottom}" class="grid"/>${text(at, bottom + 20, format(value, x), 'middle')}`;
  });
  const yTicks = ticks(y).map((value) => {
    const at = y.at(value).toFixed(1);
    return `<line x1="${MARGIN.left}" y1="${at}" x2="${right}" y2="${at}" class="grid"/>${text(MARGIN.left - 8, Number(at) + 4, format(value, y), 'end')}`;
  });
  const middle = (MARGIN.top + bottom) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<style>.grid{stroke:#ddd}text{fill:#333}</style>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 26, title, 'start', 'font-size="15" font-weight="bold"'),
    ...xTicks,
    ...yTicks,
    text((MARGIN.left + right) / 2, HEIGHT - 16, xLabel, 'middle'),
    text(20, middle, yLabel, 'middle', `transform="rotate(-90 20 ${middle})"`),
    ...series.map((line, i) => drawn(line, COLOURS[i % COLOURS.length], x, y, i)),
    '</svg>\n',
  ].join('\n');
}

function drawn(
  { name, points }: Chart['series'][number],
  colour: string,
  x: Scale,
  y: Scale,
  index: number,
): string {
  const at = points.map((point) => `${x.at(point.x).toFixed(1)},${y.at(point.y).toFixed(1)}`);
  const marks = points.map(
    (point, i) =>
      `<circle cx="${at[i].split(',')[0]}" cy="${at[i].split(',')[1]}" r="4" fill="${colour}"/>` +
      text(x.at(point.x) + 7, y.at(point.y) - 6, point.label, 'start'),
  );
  return [
    `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
    ...marks,
    text(WIDTH - MARGIN.right + 12, MARGIN.top + 16 * index + 8, name, 'start', `style="fill:${colour}"`),
  ].join('\n');
}

/** From pixel `from` to pixel `to` over the values with a tenth of room on each side. */
function scaleOver(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = (most - least) / 10 || Math.abs(most) / 10 || 1;
  const [low, high] = [least - room, most + room];
  return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

function ticks({ low, high }: Scale): number[] {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return values;
}

function format(value: number, { low, high }: Scale): string {
  return value.toFixed(Math.max(0, 1 - Math.floor(Math.log10(high - low))));
}

function text(x: number | string, y: number, content: string, anchor: string, attributes = ''): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return `<text x="${Number(x).toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${attributes}>${escaped}</text>`;
}
