import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../common/root.ts';

/** The text of `<name>.sql` of this folder: queries that DuckDB and Athena both take. */
export function datasetSql(name: string): string {
  return readFileSync(join(projectRoot, `services/training/dataset/${name}.sql`), 'utf8');
}
