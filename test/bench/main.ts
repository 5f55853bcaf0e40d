import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';

/** The benchmarks by name: what each measures, and where it is. */
const BENCHES: Readonly<Record<string, { measures: string; load: () => Promise<Bench> }>> = {
  cascade: {
    measures: 'calls/s, CPU per call and latency of Recommend on 100,000 items, beside two floors',
    load: async () => (await import('./cascade.ts')).benchCascade,
  },
};

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    calls: { type: 'string' },
    home: { type: 'string' },
  },
  allowPositionals: true,
});
const [name = ''] = positionals;
const known = BENCHES[name];
if (known === undefined) {
  if (name !== '') console.error(`There is no benchmark ${name}.`);
  console.log('Usage: npm run bench -- NAME [--short] [--calls N] [--home FOLDER]\n');
  for (const [bench, { measures }] of Object.entries(BENCHES))
    console.log(`  ${bench.padEnd(12)}${measures}`);
  process.exit(name === '' ? 0 : 2);
}
process.env.MILLRACE_LOG_LEVEL ??= 'warn';
const bench = await known.load();
const calls = values.calls === undefined ? undefined : Number(values.calls);
await bench({ short: values.short, calls, home: values.home, print: (line) => console.log(line) });
process.exit(0);
