import { UsageError } from './bench.ts';
import { BENCHES } from './benches.ts';
import { USAGE_STATUS } from './report.ts';
import { asTable } from './table.ts';

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
