import { Command } from 'commander';
import { backfillFeatures } from './features/backfill.ts';
import { showUser } from './features/show.ts';

/** `millrace features show|backfill`. */
export function featuresCommand(): Command {
  const command = new Command('features').description('what is known of users and items');
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
