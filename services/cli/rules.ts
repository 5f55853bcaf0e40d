import { Command, InvalidArgumentError } from 'commander';
import { checkRules } from './rules/check.ts';
import { type DryRunOptions, testRules } from './rules/try.ts';

const REQUESTS_DEFAULT = 1_000;

/** `millrace rules check|test`: looks at a rule file before it is saved where services read it. */
export function rulesCommand(): Command {
  const command = new Command('rules').description('check a rule file, and try it on logged requests');
  command
    .command('check', { isDefault: true })
    .description('faults with their lines; priorities and conflicts on the catalogue of the live bundle')
    .argument('[file]', 'the rule file (default: the one that re-ranking reads)')
    .option('--json', 'one JSON object')
    .action((file: string | undefined, { json }: { json?: boolean }) => checkRules(file, json === true));
  command
    .command('test')
    .description('choose the slates of logged requests anew with the rules; nothing is changed or logged')
    .option('-f, --file <file>', 'the rule file (default: the one that re-ranking reads)')
    .option('-n, --requests <n>', 'at most so many of the latest requests', wholeNumber, REQUESTS_DEFAULT)
    .option('--since <time>', 'none before this time, as 2026-11-26 or 2026-11-26T18:00Z', timeMs)
    .option('--set <name>', 'with this set of the file in force')
    .option('--json', 'one JSON object')
    .action((options: DryRunOptions) => testRules(options));
  return command;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1)
    throw new InvalidArgumentError('expected a whole number of 1 or more.');
  return number;
}

function timeMs(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('expected a time, as 2026-11-26T18:00Z.');
  return time;
}
