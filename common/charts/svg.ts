/** Maps values to pixels. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  at(value: number): number;
}

const TICKS = 5;

/** Blue, orange, green: apart for colour-blind eyes too (Okabe & Ito 2008). */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73'];

/** An SVG document of its own on white, of elements that may use the class `grid`; screen readers say `title`. */
export function svgDocument(
  title: string,
  width: number,
  height: number,
  elements: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    '<style>.grid{stroke:#ddd}text{fill:#333}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...elements,
    '</svg>\n',
  ].join('\n');
}

/** From pixel `from` to pixel `to` over the values with a tenth of room on each side. */
export function scaleOver(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = (most - least) / 10 || Math.abs(most) / 10 || 1;
  const [low, high] = [least - room, most + room];
  return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** Round values within the scale, about five. */
export function ticks({ low, high }: Scale): number[] {
  const rough = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return values;
}

/** With as many decimals as the scale's ticks need. */
export function formatTick(value: number, { low, high }: Scale): string {
  return value.toFixed(Math.max(0, 1 - Math.floor(Math.log10(high - low))));
}

/** A text element; its content is escaped. */
export function text(
  x: number | string,
  y: number,
  content: string,
  anchor: string,
  attributes = '',
): string {
  return `<text x="${Number(x).toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${attributes}>${escaped(content)}</text>`;
}

/** Text as an element's content. */
export function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
