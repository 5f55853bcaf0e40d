import { Command } from 'commander';
import { ACTION_BY_NAME } from '../../common/actions.ts';
import { systemClock } from '../../common/clock.ts';
import { ConfigSource } from '../../common/config.ts';
import { eventsSchema } from '../../common/log/check-feedback.ts';
import { openLog } from '../../common/log/open-log.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { ForgetRequests } from '../logging/forgetting/requests.ts';
import { parseColumnMap } from '../training/import/columns.ts';
import { readDataset } from '../training/import/dataset.ts';
import { pseudonymised } from '../training/import/pseudonymised.ts';
import { ImportError, type ImportReport } from '../training/import/report.ts';
import { checkItemRow, importIntoLog, type LogImport } from '../training/import/to-log.ts';
import type { Progress } from '../training/progress.ts';
import { ProgressBars } from './progress-bar.ts';

interface Flags {
  readonly items?: string;
  readonly users?: string;
  readonly map?: string;
  readonly actions?: string;
  readonly defaultAction?: string;
  readonly strict?: boolean;
}

/** `millrace import`. */
export function importCommand(): Command {
  return new Command('import')
    .description(
      'read a data set into the log: RecBole atomic files, CSV or JSON Lines, plain or .gz, or a lake of Parquet; all or nothing',
    )
    .argument('<path>', 'a folder of RecBole or Parquet files, or a file of interactions')
    .option('--items <path>', 'a file of items, or a folder of Parquet files')
    .option('--users <path>', 'a file of users, or a folder of Parquet files')
    .option('--map <roles>', 'which column means what, as user=uid,item=sku,time=ts:ms')
    .option('--actions <names>', 'what actions of the file mean, as addtocart=like,transaction=purchase')
    .option(
      '--default-action <name>',
      'of rows that name none (default: rating where there is a value, else view)',
    )
    .option('--strict', 'stop at the first bad row')
    .action(runImport);
}

async function runImport(path: string, flags: Flags): Promise<void> {
  const { home } = new ConfigSource();
  const bars = new ProgressBars();
  const { done, report } = await importFiles(path, flags, home, bars.progress).finally(() => bars.end());
  printBadRows(report);
  process.stdout.write(`${summary(done, report, home)}\n`);
}

/** Imports the files into the log under `home`. Throws `ImportError` where a file or a flag is at fault, or every row. */
export async function importFiles(
  path: string,
  flags: Flags,
  home: string,
  progress: Progress = () => {},
): Promise<{ done: LogImport; report: ImportReport }> {
  const config = new ConfigSource().at(home);
  const pseudonyms = Pseudonyms.open(config);
  const { futureHoursMax } = config.section('events', eventsSchema);
  const dataset = await readDataset(path, {
    items: flags.items,
    users: flags.users,
    map: flags.map === undefined ? undefined : parseColumnMap(flags.map),
    defaultAction: flags.defaultAction,
    strict: flags.strict,
    actionOf: actionTranslator(flags.actions),
    latestMs: systemClock.nowMs() + futureHoursMax * 3_600_000,
    checkItem: checkItemRow,
    onProgress: ({ bytesRead, bytesTotal }) => progress('reading', bytesRead, bytesTotal),
  });
  const { report } = dataset;
  if (report.rows === 0) throw new ImportError(`${path}: there are no rows`);
  if (report.rows === report.bad) {
    const { file, line, reason } = report.firstBad[0];
    throw new ImportError(`${path}: all ${report.rows} rows are bad; the first, ${file}:${line}: ${reason}`);
  }
  const writing = (events: number, total: number): void => progress('writing', events, total);
  await using log = await openLog(config);
  const requests = await ForgetRequests.open(home);
  const options = {
    onProgress: writing,
    forgottenUntilMs: (userId: string) => requests.forgottenUntilMs(userId),
  };
  return { done: await importIntoLog(log, pseudonymised(dataset, pseudonyms), options), report };
}

/** Names of actions in the file to Millrace's; undefined for what is neither. */
function actionTranslator(pairs = ''): (name: string) => string | undefined {
  const meanings = new Map<string, string>();
  for (const pair of pairs.split(',').filter((text) => text !== '')) {
    const [name, meaning = ''] = pair.split('=');
    if (!ACTION_BY_NAME.has(meaning)) {
      const known = [...ACTION_BY_NAME.keys()].join(', ');
      throw new ImportError(`--actions: '${pair}' is not name=action; the actions are ${known}`);
    }
    meanings.set(name, meaning);
  }
  return (name) => meanings.get(name) ?? (ACTION_BY_NAME.has(name) ? name : undefined);
}

function printBadRows({ rows, bad, firstBad }: ImportReport): void {
  if (bad === 0) return;
  process.stderr.write(`${bad} of ${rows} rows are bad and left out; the first:\n`);
  for (const { file, line, reason } of firstBad) process.stderr.write(`  ${file}:${line}: ${reason}\n`);
}

function summary(done: LogImport, { rows, bad }: ImportReport, home: string): string {
  const left = done.forgotten === 0 ? '' : `${done.forgotten} of people who are forgotten`;
  if (!done.imported)
    return `nothing new: the log in ${home} holds this data set already${left === '' ? '' : `, but for ${left}`}`;
  const counts = `${done.items} items, ${done.users} users and ${done.interactions} interactions`;
  const badAndLeft = `${bad} bad${left === '' ? '' : `, ${left}`}`;
  return `${counts} from ${rows} rows (${badAndLeft}) are in the log of ${home} from offset ${done.firstOffset}`;
}
