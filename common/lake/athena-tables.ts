import { ACTION_NAMES, type LakeTable, TABLES } from './schema.ts';

const ATHENA_TYPES: Readonly<Record<string, string>> = {
  BIGINT: 'bigint',
  INTEGER: 'int',
  REAL: 'float',
  VARCHAR: 'string',
  'VARCHAR[]': 'array<string>',
  BLOB: 'binary',
};
const FIRST_DATE = '2000-01-01';

/**
 * Athena's statements that make the lake's tables over `uri` (`s3://bucket/prefix`). Partitions are projected from the names of
 * folders, so that no new one has to be announced.
 */
export function athenaTables(uri: string): string[] {
  return Object.values(TABLES).map((table) => tableStatement(table, uri));
}

function tableStatement({ name, columns, partitions }: LakeTable, uri: string): string {
  const columnLines = columns.map((column) => `  \`${column.name}\` ${ATHENA_TYPES[column.type]}`);
  const partitionLines = partitions.map((partition) => `\`${partition}\` string`);
  const folders = partitions.map((partition) => `${partition}=\${${partition}}/`).join('');
  const properties: Record<string, string> = {
    'projection.enabled': 'true',
    'projection.date.type': 'date',
    'projection.date.format': 'yyyy-MM-dd',
    'projection.date.range': `${FIRST_DATE},NOW+1DAY`,
    'storage.location.template': `${uri}/${name}/${folders}`,
  };
  if (partitions.includes('action')) {
    properties['projection.action.type'] = 'enum';
    properties['projection.action.values'] = ACTION_NAMES.join(',');
  }
  const propertyLines = Object.entries(properties).map(([key, value]) => `  '${key}' = '${value}'`);
  return [
    `CREATE EXTERNAL TABLE IF NOT EXISTS \`${name}\` (`,
    columnLines.join(',\n'),
    `) PARTITIONED BY (${partitionLines.join(', ')})`,
    'STORED AS PARQUET',
    `LOCATION '${uri}/${name}/'`,
    `TBLPROPERTIES (\n${propertyLines.join(',\n')}\n)`,
  ].join('\n');
}
