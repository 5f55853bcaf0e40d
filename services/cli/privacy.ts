import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { ACTION_BY_NAME } from '../../common/actions.ts';
import { ConfigSource } from '../../common/config.ts';
import { asMillraceError, MillraceError } from '../../common/errors.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { openLake } from '../../common/lake/lake.ts';
import { LocalField, type LocalPrivacyConfig } from '../../common/privacy/local-field.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { contracts, type PrivacyService } from '../../common/rpc/services.ts';
import { channelTo } from '../../common/service.ts';
import {
  GroupBy,
  Noise,
  QueryPrivateRequest,
  type QueryPrivateResponse,
  Statistic,
  type WindowBudget,
} from '../../gen/millrace/logging/v1/logging.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import { orchestratorSchema } from '../orchestrator/config.ts';
import { addForgetCommands } from './privacy/forget.ts';
import { addRotateKeyCommand } from './privacy/rotate-key.ts';
import { tableLines } from './table.ts';
import { wholeNumber } from './whole-number.ts';

const TIMEOUT_MS = 120_000;
const STATISTICS: Readonly<Record<string, Statistic>> = {
  count: Statistic.STATISTIC_COUNT,
  sum: Statistic.STATISTIC_SUM,
  mean: Statistic.STATISTIC_MEAN,
  ctr: Statistic.STATISTIC_CLICK_THROUGH_RATE,
  histogram: Statistic.STATISTIC_HISTOGRAM,
  quantiles: Statistic.STATISTIC_QUANTILES,
};
const GROUPS: Readonly<Record<string, GroupBy>> = {
  item: GroupBy.GROUP_BY_ITEM,
  category: GroupBy.GROUP_BY_CATEGORY,
  variant: GroupBy.GROUP_BY_VARIANT,
  day: GroupBy.GROUP_BY_DAY,
};
const NOISES: Readonly<Record<string, Noise>> = {
  laplace: Noise.NOISE_LAPLACE,
  gaussian: Noise.NOISE_GAUSSIAN,
};

/** `millrace privacy query|local|budget|forget|forget-status|rotate-key`. */
export function privacyCommand(): Command {
  const command = new Command('privacy').description(
    'private statistics, what is left to ask, and people to forget (a running Millrace; MILLRACE_TOKEN, or else the certificate of tls, says who asks)',
  );
  command
    .command('query')
    .description('one statistic of what people did, by group, with noise')
    .addArgument(new Argument('<statistic>').choices(Object.keys(STATISTICS)))
    .requiredOption('--from <day>', 'first day, as 2026-11-01')
    .requiredOption('--until <day>', 'the day after the last one')
    .requiredOption('--epsilon <n>', 'what the answer may tell of one user', number)
    .option('--delta <n>', 'the probability with which it may tell more', number, 0)
    .addOption(new Option('--by <group>', 'what groups are made of').choices(Object.keys(GROUPS)))
    .addOption(new Option('--action <name...>', 'actions that count').choices([...ACTION_BY_NAME.keys()]))
    .addOption(new Option('--noise <law>').choices(Object.keys(NOISES)).default('laplace'))
    .option('--groups <n>', 'groups that one user counts in', wholeNumber, 1)
    .option('--events <n>', 'events of one user that count in a group', wholeNumber, 1)
    .option('--low <n>', 'least value', number)
    .option('--high <n>', 'greatest value', number)
    .option('--edges <n,n>', 'ends of the buckets of a histogram', numbers)
    .option('--ranks <n,n>', 'quantiles wanted, as 0.5,0.9', numbers)
    .option('--keys <key...>', 'groups that are no secret; all are answered')
    .option('--json', 'one JSON object')
    .action(query);
  command
    .command('local')
    .description(
      'shares of the values that orchestrator.localPrivacy randomises, from the reports in the lake',
    )
    .option('--json', 'one JSON object')
    .action(local);
  command
    .command('budget', { isDefault: true })
    .description('what is spent and left, by month of the events')
    .option('--json', 'one JSON object')
    .action(budget);
  addForgetCommands(command);
  addRotateKeyCommand(command);
  return command;
}

interface QueryOptions {
  from: string;
  until: string;
  epsilon: number;
  delta: number;
  by?: string;
  action?: string[];
  noise: string;
  groups: number;
  events: number;
  low?: number;
  high?: number;
  edges?: number[];
  ranks?: number[];
  keys?: string[];
  json?: boolean;
}

async function query(statistic: string, options: QueryOptions): Promise<void> {
  const { from, until, epsilon, delta, by, action = [], noise, groups, events, json, ...values } = options;
  const request = QueryPrivateRequest.fromPartial({
    statistic: STATISTICS[statistic],
    groupBy: by === undefined ? GroupBy.GROUP_BY_UNSPECIFIED : GROUPS[by],
    actions: action.map((name) => ACTION_BY_NAME.get(name) as Action),
    fromDate: from,
    untilDate: until,
    epsilon,
    delta,
    noise: NOISES[noise],
    groupsPerUser: groups,
    eventsPerGroup: events,
    ...values,
  });
  const answer = await asked((privacy, call) => privacy.queryPrivate(request, call));
  if (json === true) return print([JSON.stringify(answer)]);
  print(answerLines(answer, columnsOf(request), by ?? ''));
  for (const { window, epsilon: granted, epsilonSpent } of answer.budgets)
    process.stderr.write(`${window}: ε ${rounded(epsilonSpent)} of ${granted} is spent\n`);
}

async function local({ json }: { json?: boolean }): Promise<void> {
  const source = new ConfigSource();
  const { localPrivacy } = source.section('orchestrator', orchestratorSchema);
  if (localPrivacy === undefined)
    throw new MillraceError('CONFIG_INVALID', 'configuration: orchestrator.localPrivacy: is missing');
  await using lake = await openLake(lakeConfig(source));
  const rows = await lake.query(reportsSql(localPrivacy));
  const [reports, counts] = [rows.texts('report'), rows.numbers('n')];
  const found = new LocalField(localPrivacy).estimates(
    new Map(reports.map((report, i) => [report, counts[i]])),
  );
  const shares = [...found.shares].map(([value, share]) => ({ value, ...share }));
  if (json === true) return print([JSON.stringify({ reports: found.reports, shares })]);
  const titles = [localPrivacy.field, 'share', 'low', 'high'].map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  const lines = shares.map(({ value, share, low, high }) => [
    value,
    ...[share, low, high].map((x) => x.toFixed(4)),
  ]);
  print(tableLines(titles, lines, pc.bold));
  process.stderr.write(`${found.reports} reports; the ends of 99% intervals\n`);
}

/** How often each report is in the lake. */
function reportsSql({ field, actions }: LocalPrivacyConfig): string {
  const column = field === 'value' ? 'CAST("value" AS double)' : field;
  const kinds = (actions ?? [...ACTION_BY_NAME.keys()]).map((name) => `'${name}'`).join(', ');
  return `SELECT CAST(${column} AS varchar) AS report, CAST(count(*) AS double) AS n
    FROM events WHERE action IN (${kinds}) AND "${field}" IS NOT NULL GROUP BY 1`;
}

async function budget({ json }: { json?: boolean }): Promise<void> {
  const { analyst, windows } = await asked((privacy, call) => privacy.getBudget({}, call));
  if (json === true) return print([JSON.stringify({ analyst, windows })]);
  print(budgetLines(windows));
  process.stderr.write(`the budget of ${analyst}\n`);
}

/** The front door has private answers where all of Millrace is one process; else the logging service has. */
async function asked<T>(ask: (privacy: PrivacyService, call: Call) => Promise<T>): Promise<T> {
  const config = new ConfigSource();
  using door = channelTo('orchestrator', { config });
  using log = channelTo('logging', { config });
  const call = rootCall({ timeoutMs: TIMEOUT_MS });
  try {
    return await ask(door.client(contracts.privacy), call);
  } catch (error) {
    if (!['METHOD_UNKNOWN', 'STAGE_UNAVAILABLE'].includes(asMillraceError(error).reason)) throw error;
    return await ask(log.client(contracts.privacy), call);
  }
}

/** What the values of a group are. */
function columnsOf({ statistic, edges, ranks }: QueryPrivateRequest): string[] {
  if (statistic === Statistic.STATISTIC_HISTOGRAM)
    return edges.slice(1).map((edge, i) => `${edges[i]} to ${edge}`);
  if (statistic === Statistic.STATISTIC_QUANTILES) return ranks.map((rank) => `at ${rank}`);
  return ['value'];
}

function answerLines({ groups }: QueryPrivateResponse, names: readonly string[], by: string): string[] {
  const hasDeviation = groups.some(({ deviations }) => deviations.some((deviation) => deviation > 0));
  const titles = [
    ...(by === '' ? [] : [{ title: by }]),
    ...names.map((title) => ({ title, align: 'right' as const })),
    ...(hasDeviation ? [{ title: '±', align: 'right' as const }] : []),
  ];
  const rows = groups.map(({ key, values, deviations }) => [
    ...(by === '' ? [] : [key]),
    ...values.map(rounded),
    ...(hasDeviation ? [rounded(deviations[0])] : []),
  ]);
  return tableLines(titles, rows, pc.bold);
}

function budgetLines(windows: readonly WindowBudget[]): string[] {
  const titles = ['month', 'queries', 'ε spent', 'of', 'δ spent', 'of'].map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  const rows = windows.map(({ window, queries, epsilonSpent, epsilon, deltaSpent, delta }) => [
    window,
    String(queries),
    rounded(epsilonSpent),
    String(epsilon),
    rounded(deltaSpent),
    String(delta),
  ]);
  return tableLines(titles, rows, pc.bold);
}

/** Four significant digits at least, and no digits behind the point of what is large. */
function rounded(value: number): string {
  return Math.abs(value) >= 1_000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError(`'${text}' is no number.`);
  return value;
}

function numbers(text: string): number[] {
  return text.split(',').map(number);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
