import { type Bench, UsageError } from './bench.ts';
import { USAGE_STATUS } from './report.ts';
import { asTable } from './table.ts';

/** The benchmarks by name: what each measures, and where it is. */
const BENCHES: Readonly<Record<string, { measures: string; load: () => Promise<Bench> }>> = {
  ann: {
    measures: 'nearest-neighbour indexes against an exact truth: recall, queries/s, seconds to build',
    load: async () => (await import('./ann.ts')).annBench,
  },
  bm25: {
    measures: 'BM25 on a TREC collection by the conventions of trec_eval',
    load: async () => (await import('./bm25.ts')).bm25Bench,
  },
  cascade: {
    measures: 'calls/s, CPU per call and latency of Recommend on 100,000 items, beside two floors',
    load: async () => (await import('./cascade.ts')).cascadeBench,
  },
  ctr: {
    measures: 'second-stage models on a CSV file with a label of two values: accuracy, AUC, log loss',
    load: async () => (await import('./ctr.ts')).ctrBench,
  },
  ltr: {
    measures: 'learning to rank on SVMlight files: NDCG and MAP of the test part',
    load: async () => (await import('./ltr.ts')).ltrBench,
  },
  models: {
    measures: 'candidate models on a train/valid/test split: recall and NDCG, all items ranked',
    load: async () => (await import('./models.ts')).modelsBench,
  },
  peers: {
    measures: "fitting time as a multiple of what others' implementations take, same data and settings",
    load: async () => (await import('./peers.ts')).peersBench,
  },
};

const [name = '', ...given] = process.argv.slice(2);
const args = given.filter((argument) => argument !== '--table');
const known = BENCHES[name];
if (known === undefined) {
  if (name !== '') console.error(`There is no benchmark ${name}.`);
  console.log('Usage: npm run bench -- NAME [...] [--table]; npm run bench -- NAME --help\n');
  for (const [bench, { measures }] of Object.entries(BENCHES))
    console.log(`  ${bench.padEnd(12)}${measures}`);
  process.exit(name === '' ? 0 : USAGE_STATUS);
}
process.env.MILLRACE_LOG_LEVEL ??= 'warn';
const bench = await known.load();
const usage = `Usage: npm run bench -- ${name} ${bench.usage}`;
if (args.includes('--help')) {
  console.log(usage);
  process.exit(0);
}
const lines: string[] = [];
try {
  await bench.run(args, (line) => {
    if (args.length === given.length) console.log(line);
    else lines.push(line);
  });
  if (lines.length > 0) console.log(asTable(lines).join('\n'));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${name}: ${error.message}\n${usage}`);
  process.exit(USAGE_STATUS);
}
process.exit(0);
