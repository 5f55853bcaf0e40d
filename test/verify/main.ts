import { parseArgs } from 'node:util';
import { USAGE_STATUS } from '../bench/report.ts';
import { PROOFS } from './proofs.ts';

const { values, positionals } = commandLine();
const [name = '', ...more] = positionals;
const proof = PROOFS[name];
if (proof === undefined || more.length > 0) {
  if (name !== '') refuse(`There is no proof ${positionals.join(' ')}.`);
  console.log('Usage: npm run verify -- NAME [--short] [--break WAY] [--seed N]\n');
  for (const [known, { promise }] of Object.entries(PROOFS)) console.log(`  ${known.padEnd(16)}${promise}`);
  process.exit(0);
}
const seed = values.seed === undefined ? undefined : Number(values.seed);
if (seed !== undefined && !Number.isSafeInteger(seed)) refuse(`--seed ${values.seed} is no whole number.`);
const verify = await proof.load();
const print = (line: string): void => console.log(line);
const holds = await verify({ short: values.short, broken: values.break, seed, print });
console.log(holds ? `${name}: the promise holds` : `${name}: THE PROMISE IS BROKEN`);
process.exit(holds ? 0 : 1);

function commandLine() {
  try {
    return parseArgs({
      options: {
        short: { type: 'boolean', default: false },
        break: { type: 'string' },
        seed: { type: 'string' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(reason: string): never {
  console.error(`verify: ${reason}\nnpm run verify names the proofs and their options.`);
  process.exit(USAGE_STATUS);
}
