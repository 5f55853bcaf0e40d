import { escaped } from './svg.ts';

const SIZE = /width="(\d+)" height="(\d+)"/;

/** SVG documents of this folder below one another, as one. */
export function stackedCharts(title: string, charts: readonly string[]): string {
  let width = 0;
  let height = 0;
  const parts = charts.map((chart) => {
    const [, ownWidth, ownHeight] = SIZE.exec(chart) as RegExpExecArray;
    const part = chart.trimEnd().replace('<svg ', `<svg y="${height}" `);
    width = Math.max(width, Number(ownWidth));
    height += Number(ownHeight);
    return part;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">\n<title>${escaped(title)}</title>\n${parts.join('\n')}\n</svg>\n`;
}
