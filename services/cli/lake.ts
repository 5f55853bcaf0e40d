import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { Command } from 'commander';
import pc from 'picocolors';
import { ConfigSource } from '../../common/config.ts';
import { MillraceError } from '../../common/errors.ts';
import { athenaTables } from '../../common/lake/athena-tables.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { openLake } from '../../common/lake/lake.ts';
import type { LakeColumns } from '../../common/lake/lake-columns.ts';
import { openStorage } from '../../common/lake/open-storage.ts';
import { Roller } from '../../common/lake/roller.ts';
import { TABLES } from '../../common/lake/schema.ts';
import { checkSql } from '../../common/lake/sql-subset.ts';
import { findLogReader, openLogReader } from '../../common/log/open-log.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { contracts } from '../../common/rpc/services.ts';
import { channelTo } from '../../common/service.ts';
import { sizeText } from './bytes.ts';
import { ProgressBars } from './progress-bar.ts';
import { tableLines } from './table.ts';

const CELL_WIDTH_MAX = 60;
const COMMIT_TIMEOUT_MS = 1_000;

/** `millrace lake roll|status|query`. */
export function lakeCommand(): Command {
  const command = new Command('lake').description('the log as Parquet files: take it in, look, ask');
  command
    .command('roll')
    .description('take in what the log holds and the lake does not have yet')
    .action(roll);
  command
    .command('status', { isDefault: true })
    .description('what the lake holds and how far it is behind the log')
    .option('--json', 'one JSON object')
    .action(({ json }: { json?: boolean }) => status(json === true));
  command
    .command('query')
    .description('run one SELECT over the tables events and decided')
    .argument('<file>', 'a SQL file, or - for the standard input')
    .option('--json', 'one JSON object a row')
    .action((file: string, { json }: { json?: boolean }) => query(file, json === true));
  command
    .command('athena-tables')
    .description("the statements that make Athena's tables over a lake on S3")
    .option('--run', 'run them in Athena, as configured')
    .action(({ run }: { run?: boolean }) => makeAthenaTables(run === true));
  return command;
}

async function makeAthenaTables(run: boolean): Promise<void> {
  const config = lakeConfig(new ConfigSource());
  if (config.s3 === undefined)
    throw new MillraceError('CONFIG_INVALID', 'configuration: lake.s3: is missing; Athena reads lakes on S3');
  const { Athena } = await import('../../common/lake/athena.ts');
  const athena = new Athena(config.athena);
  for (const statement of athenaTables((await openStorage(config)).uri)) {
    print(`${statement};\n`);
    if (run) await athena.query(statement);
  }
}

async function roll(): Promise<void> {
  const source = new ConfigSource();
  const bars = new ProgressBars();
  try {
    await using log = await openLogReader(source);
    await using roller = await Roller.open(lakeConfig(source));
    const from = roller.manifest.endOffset;
    const [filesBefore, total] = [roller.manifest.files.length, log.endOffset - from];
    const end = await roller.roll(log, {
      progress: ({ untilOffset }) => bars.progress('rolling', untilOffset - from, total),
    });
    await commitOffset(source, end);
    const files = roller.manifest.files.slice(filesBefore);
    bars.end();
    const bytes = sizeText(files.reduce((sum, file) => sum + file.bytes, 0));
    print(`offsets ${from} to ${end} are in the lake: ${files.length} new files, ${bytes}`);
  } finally {
    bars.end();
  }
}

/** Tells the logging service, if it runs, that its retention may go on up to here. */
async function commitOffset(source: ConfigSource, offset: number): Promise<void> {
  using channel = channelTo('logging', { config: source });
  const logging = channel.client(contracts.logging);
  await logging
    .commit({ consumer: 'lake', offset }, rootCall({ timeoutMs: COMMIT_TIMEOUT_MS }))
    .catch(() => {});
}

async function status(json: boolean): Promise<void> {
  const source = new ConfigSource();
  await using lake = await openLake(lakeConfig(source));
  await using log = await findLogReader(source);
  const logEnd = log?.endOffset;
  const tables = Object.keys(TABLES).map((table) => {
    const files = lake.files.filter(({ key }) => key.startsWith(`${table}/`));
    const sum = (of: (file: (typeof files)[number]) => number): number =>
      files.reduce((total, file) => total + of(file), 0);
    return { table, files: files.length, rows: sum(({ rows }) => rows), bytes: sum(({ bytes }) => bytes) };
  });
  const behind = logEnd === undefined ? undefined : logEnd - lake.endOffset;
  if (json) {
    const { firstOffset, endOffset } = lake;
    print(JSON.stringify({ firstOffset, endOffset, logEndOffset: logEnd, behind, tables }));
    return;
  }
  const columns = ['table', 'files', 'rows', 'size'].map((title, i) => ({
    title,
    align: i === 0 ? ('left' as const) : ('right' as const),
  }));
  const rows = tables.map(({ table, files, rows: count, bytes }) => [
    table,
    String(files),
    count.toLocaleString('en'),
    sizeText(bytes),
  ]);
  for (const line of tableLines(columns, rows, pc.bold)) print(line);
  const lag = behind === undefined ? 'there is no log here' : `${behind} events of the log are not in it yet`;
  print(`offsets ${lake.firstOffset} to ${lake.endOffset}; ${lag}`);
}

async function query(file: string, json: boolean): Promise<void> {
  const given = file === '-' ? await textOf(process.stdin) : await readFile(file, 'utf8');
  const sql = checkSql(given, file === '-' ? 'standard input' : file);
  await using lake = await openLake(lakeConfig(new ConfigSource()));
  const startedAt = performance.now();
  const answer = await lake.query(sql);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
  for (const line of json ? jsonLines(answer) : textLines(answer)) print(line);
  process.stderr.write(`${answer.count} rows in ${seconds} s, ${sizeText(answer.bytesScanned)} scanned\n`);
}

function* jsonLines(answer: LakeColumns): Iterable<string> {
  const columns = answer.names.map((name) => answer.column(name));
  for (let row = 0; row < answer.count; row++) {
    const cells = columns.map((column, i) => [answer.names[i], jsonValue(column[row])]);
    yield JSON.stringify(Object.fromEntries(cells));
  }
}

/** NULL and NaN as null, bytes in hexadecimal. */
function jsonValue(value: unknown): unknown {
  if (typeof value === 'number' && Number.isNaN(value)) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

function textLines(answer: LakeColumns): string[] {
  const columns = answer.names.map((name) => answer.column(name));
  const rows = Array.from({ length: answer.count }, (_, row) =>
    columns.map((column) => {
      const value = jsonValue(column[row]);
      return value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    }),
  );
  const titles = answer.names.map((title, i) => ({
    title,
    align: Array.isArray(columns[i]) ? ('left' as const) : ('right' as const),
    widthMax: CELL_WIDTH_MAX,
  }));
  return tableLines(titles, rows, pc.bold);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
