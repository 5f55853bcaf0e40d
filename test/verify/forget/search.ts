import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DuckDb, sqlText } from '../../../common/lake/duck-db.ts';

/** Files under the folders that hold one of the texts, raw or as a value in Parquet. */
export async function filesHolding(folders: readonly string[], texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  using db = await DuckDb.open();
  for (const folder of folders)
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes === undefined) continue;
      const isParquet = bytes.subarray(0, 4).toString('latin1') === 'PAR1';
      const holds =
        texts.some((text) => bytes.includes(text)) || (isParquet && (await parquetHolds(db, path, texts)));
      if (holds) found.push(relative(folder, path));
    }
  return found.sort();
}

async function parquetHolds(db: DuckDb, path: string, texts: readonly string[]): Promise<boolean> {
  const source = `read_parquet(${sqlText(path)}, hive_partitioning = false)`;
  const columns = (await db.query(`SELECT column_name FROM (DESCRIBE SELECT * FROM ${source})`)).texts(
    'column_name',
  );
  const holds = columns.flatMap((column) =>
    texts.map((text) => `contains(CAST("${column}" AS VARCHAR), ${sqlText(text)})`),
  );
  const counted = await db.query(
    `SELECT CAST(count(*) AS INTEGER) AS n FROM ${source} WHERE ${holds.map((each) => `coalesce(${each}, false)`).join(' OR ')}`,
  );
  return counted.numbers('n')[0] > 0;
}
