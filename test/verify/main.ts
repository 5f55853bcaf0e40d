import { parseArgs } from 'node:util';
import { PROOFS } from './proofs.ts';

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    break: { type: 'string' },
    seed: { type: 'string' },
  },
  allowPositionals: true,
});
const [name = ''] = positionals;
const proof = PROOFS[name];
if (proof === undefined) {
  if (name !== '') console.error(`There is no proof ${name}.`);
  console.log('Usage: npm run verify -- NAME [--short] [--break WAY] [--seed N]\n');
  for (const [known, { promise }] of Object.entries(PROOFS)) console.log(`  ${known.padEnd(14)}${promise}`);
  process.exit(name === '' ? 0 : 2);
}
const seed = values.seed === undefined ? undefined : Number(values.seed);
if (seed !== undefined && !Number.isSafeInteger(seed)) {
  console.error(`--seed ${values.seed} is no whole number.`);
  process.exit(2);
}
const verify = await proof.load();
const print = (line: string): void => console.log(line);
const holds = await verify({ short: values.short, broken: values.break, seed, print });
console.log(holds ? `${name}: the promise holds` : `${name}: THE PROMISE IS BROKEN`);
process.exit(holds ? 0 : 1);
