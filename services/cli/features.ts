import { Command } from 'commander';
import { backfillFeatures } from './features/backfill.ts';
import { listFeatures } from './features/list.ts';
import { showUser } from './features/show.ts';
import { validateFeatures } from './features/validate.ts';

/** `millrace features list|validate|show|backfill`. */
export function featuresCommand(): Command {
  const command = new Command('features').description(
    'what is known of users and items, and what rankers are fed',
  );
  command
    .command('list', { isDefault: true })
    .description('every feature that a ranker can be fed')
    .option('--json', 'one JSON object a line')
    .action(({ json }: { json?: boolean }) => listFeatures(json === true));
  command
    .command('validate')
    .description(
      'check declarations, configuration, the champion and the values in the log; exit code 1 on faults',
    )
    .option('--json', 'one JSON object')
    .action(({ json }: { json?: boolean }) => validateFeatures(json === true));
  command
    .command('show')
    .description('what a running Millrace knows of a user')
    .argument('<user>', 'id of the user')
    .option('--json', 'one JSON object')
    .option('-a, --address <host:port>', 'the front door (default: addresses.orchestrator)')
    .action(showUser);
  command
    .command('backfill')
    .description('fold users, items and counters anew from the first event on, into the configured store')
    .option('--from <log|lake>', 'what to read', 'log')
    .option('--until <offset>', 'fold events before this offset (default: all)')
    .action(backfillFeatures);
  return command;
}
