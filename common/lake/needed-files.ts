import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { sqlText } from './duck-db.ts';
import type { LakeFile } from './manifest.ts';
import { TABLES, type TableName } from './schema.ts';

interface PlanNode {
  readonly name: string;
  readonly extra_info?: Readonly<Record<string, unknown>>;
  readonly children?: readonly PlanNode[];
}

/**
 * The files that a query reads: those whose folders meet the conditions on partitions that DuckDB's own plan applies to whole
 * files. The tables must be there as views over files of the same names, of which all but the first may be empty.
 */
export async function neededFiles(
  connection: DuckDBConnection,
  sql: string,
  parameters: readonly DuckDBValue[],
  files: readonly LakeFile[],
): Promise<LakeFile[]> {
  const plan = await connection.runAndReadAll(`EXPLAIN (FORMAT json) ${sql}`, [...parameters]);
  const roots = JSON.parse(plan.getRowsJson()[0][1] as string) as PlanNode[];
  const conditions = [...new Set(roots.flatMap(scansOf).map(conditionOf))];
  if (conditions.length === 0) return [];
  const inUse = files.filter(({ key }) => new RegExp(`\\b${key.split('/')[0]}\\b`, 'i').test(sql));
  const keys = inUse.map(({ key }) => `(${[key, ...partitionsOf(key)].map(sqlOf).join(', ')})`);
  if (keys.length === 0) return [];
  const found = await connection.runAndReadAll(
    `SELECT key FROM (VALUES ${keys.join(', ')}) AS files(key, date, action) WHERE ${conditions.join(' OR ')}`,
  );
  const wanted = new Set(found.getRows().map(([key]) => key));
  return inUse.filter(({ key }) => wanted.has(key));
}

/** Scans of Parquet files in a plan. */
function scansOf(node: PlanNode): PlanNode[] {
  const below = (node.children ?? []).flatMap(scansOf);
  return node.extra_info?.Function === 'READ_PARQUET' ? [node, ...below] : below;
}

/** What a scan asks of folders, as SQL; TRUE if nothing. DuckDB prints conditions as `(a)(b)`. */
function conditionOf({ extra_info: info }: PlanNode): string {
  const printed = info?.['File Filters'];
  if (typeof printed !== 'string' || printed === '') return 'TRUE';
  return `(${conjuncts(printed).join(' AND ')})`;
}

/** The parenthesised parts of `text`, texts in quotes left alone. */
function conjuncts(text: string): string[] {
  const parts: string[] = [];
  let [depth, start, inText] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "'") inText = !inText;
    if (inText) continue;
    if (text[i] === '(' && depth++ === 0) start = i;
    if (text[i] === ')' && --depth === 0) parts.push(text.slice(start, i + 1));
  }
  return parts;
}

/** Values of date and action in a file's key; undefined where its table has no such partition. */
function partitionsOf(key: string): (string | undefined)[] {
  const table = TABLES[key.split('/')[0] as TableName];
  return ['date', 'action'].map((name) =>
    table.partitions.includes(name) ? new RegExp(`/${name}=([^/]*)/`).exec(key)?.[1] : undefined,
  );
}

function sqlOf(value: string | undefined): string {
  return value === undefined ? 'NULL' : sqlText(value);
}
