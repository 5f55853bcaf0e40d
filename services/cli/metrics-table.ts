import pico from 'picocolors';

/** Metrics by model as an aligned table, the best of each column in bold. */
export function metricsTable(metrics: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const models = Object.keys(metrics);
  const names = [...new Set(models.flatMap((model) => Object.keys(metrics[model])))];
  const nameWidth = Math.max(5, ...models.map((model) => model.length));
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const header = `${'model'.padEnd(nameWidth)}${names.map((name) => name.padStart(width)).join('')}`;
  const rows = models.map((model) => {
    const cells = names.map((name) => {
      const value = metrics[model][name] ?? Number.NaN;
      const text = (Number.isInteger(value) && value > 1 ? String(value) : value.toFixed(4)).padStart(width);
      const best = models.every((other) => !(metrics[other][name] > value));
      return best && name.includes('@') ? pico.bold(text) : text;
    });
    return `${model.padEnd(nameWidth)}${cells.join('')}`;
  });
  return [pico.dim(header), ...rows].join('\n');
}
