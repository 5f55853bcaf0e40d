import pico from 'picocolors';

type Figures = Readonly<Record<string, number>>;

/** A column of the table, of the figures at a cut-off such as `@10`. */
interface Column {
  readonly title: string;
  /** `undefined`: not measured. */
  value(figures: Figures, at: string): number | undefined;
  text(figures: Figures, at: string): string;
  /** Whether the greatest is printed bold. */
  readonly best?: boolean;
}

const COLUMNS: readonly Column[] = [
  { ...measure('hr'), best: true },
  { ...measure('ndcg'), best: true },
  {
    title: '95%',
    value: () => undefined,
    text: (figures, at) => {
      const [low, high] = ['low', 'high'].map((end) => figures[`ndcg${at}-${end}`]);
      return low === undefined || high === undefined ? '' : `${low.toFixed(4)}–${high.toFixed(4)}`;
    },
  },
  { ...measure('recall'), best: true },
  { ...measure('map'), best: true },
  { ...measure('coverage'), best: true },
  measure('novelty', 2),
  measure('diversity'),
  { title: 'users', value: ({ users }) => users, text: ({ users = 0 }) => String(users) },
];

function measure(name: string, digits = 4): Column {
  const value = (figures: Figures, at: string): number | undefined => figures[`${name}${at}`];
  return { title: name, value, text: (figures, at) => value(figures, at)?.toFixed(digits) ?? '' };
}

/**
 * The main metrics by model as an aligned table of at most 110 characters, the best of a column in bold: `95%` is the bootstrap
 * interval of NDCG; novelty is in bits.
 */
export function metricsTable(metrics: Readonly<Record<string, Figures>>): string {
  const models = Object.keys(metrics);
  const at = Object.keys(metrics[models[0]] ?? {})
    .find((name) => name.startsWith('ndcg@'))
    ?.slice('ndcg'.length);
  if (at === undefined) return pico.dim('nothing was measured');
  const nameWidth = Math.max(5, ...models.map((model) => model.length));
  const titles = COLUMNS.map(({ title }, c) => (c < 2 ? `${title}${at}` : title));
  const texts = models.map((model) => COLUMNS.map(({ text }) => text(metrics[model], at)));
  const widths = titles.map((title, c) => Math.max(title.length, ...texts.map((row) => row[c].length)) + 2);
  const header = `${'model'.padEnd(nameWidth)}${titles.map((title, c) => title.padStart(widths[c])).join('')}`;
  const rows = models.map((model, row) => {
    const cells = COLUMNS.map(({ value, best }, c) => {
      const own = value(metrics[model], at) ?? Number.NaN;
      const isBest = best && models.every((other) => !((value(metrics[other], at) ?? own) > own));
      const cell = texts[row][c].padStart(widths[c]);
      return isBest ? pico.bold(cell) : cell;
    });
    return `${model.padEnd(nameWidth)}${cells.join('')}`;
  });
  return [pico.dim(header), ...rows].join('\n');
}
