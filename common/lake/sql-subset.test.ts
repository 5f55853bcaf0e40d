import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lakeHome, roll } from '../../test/support/lakes.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { projectRoot } from '../root.ts';
import { variedPayloads } from './fixtures/varied-events.ts';
import { openLake } from './lake.ts';
import { checkSql } from './sql-subset.ts';

test.each([
  ['a cast of DuckDB', 'SELECT 1,\n  value::INTEGER FROM events', 2, '::'],
  ['a clause of DuckDB', 'SELECT user_id FROM events\n\nQUALIFY row_number() OVER () = 1', 3, 'QUALIFY'],
  ['a function of DuckDB', 'SELECT list(user_id) FROM events', 1, 'list()'],
  ['a function of Trino', 'SELECT cardinality(categories) FROM events', 1, 'cardinality()'],
  ['a table function', "SELECT * FROM read_parquet('x')", 1, 'read_parquet()'],
  ['a file as a table', "SELECT count(*) FROM '/x.parquet'", 1, 'a file as a table'],
  ['a file in a join', 'SELECT 1 FROM events e JOIN "x.csv" f ON e.item_id = f.id', 1, 'a file as a table'],
  ['the keyword offset', 'SELECT offset FROM events', 1, '"offset"'],
  ['GROUP BY ALL', 'SELECT action, count(*) FROM events GROUP BY ALL', 1, 'BY ALL'],
  ['a type of DuckDB', 'SELECT CAST(value AS FLOAT) FROM events', 1, 'FLOAT'],
  ['a division of whole numbers', 'SELECT sum(time_ms) / count(*) FROM events', 1, '/ of whole numbers'],
  ['a list in brackets', 'SELECT [1, 2]', 1, 'brackets'],
  ['two statements', 'SELECT 1; SELECT 2', 1, 'one statement'],
  ['another statement', "\nCOPY events TO 'x'", 2, 'SELECT or WITH'],
  ['a text without an end', "SELECT 1\n, 'x", 2, 'no end'],
  ['nothing', '-- nothing\n', 1, 'no statement'],
])('%s is refused with file, line and reason', (_, sql, line, what) => {
  expect(() => checkSql(sql, 'a.sql')).toThrow(expect.objectContaining({ reason: 'QUERY_INVALID' }));
  expect(() => checkSql(sql, 'a.sql')).toThrow(`a.sql:${line}: `);
  expect(() => checkSql(sql, 'a.sql')).toThrow(what);
});

test.each([
  `WITH a (x, n) AS (SELECT user_id, count(*) FROM events WHERE date >= '2026-01-01' GROUP BY user_id),
     b AS (SELECT x, row_number() OVER (PARTITION BY x ORDER BY n DESC) AS r FROM a)
   SELECT b.x, CAST(a.n AS double) / 2e0 AS h FROM a JOIN b ON a.x = b.x WHERE (r = 1 OR b.x IN ('y')) -- :: offset
   ORDER BY h DESC LIMIT 10;`,
  'SELECT t.category, count(*) AS n FROM events CROSS JOIN UNNEST(categories) AS t (category) GROUP BY t.category',
  `SELECT "offset", 'it''s ::' AS note FROM events WHERE action = ? AND value IS NOT NULL AND NOT (position BETWEEN 1 AND 3)
   AND item_id IS DISTINCT FROM 'x'`,
  'SELECT CASE WHEN (value > 3) THEN 1 ELSE 0 END AS liked, CAST(CAST(value AS decimal(10, 2)) AS varchar) AS v FROM events',
])('what both take is taken: %#', async (sql) => {
  const statement = checkSql(sql, 'a.sql');
  await using place = await lakeHome('local');
  await using lake = await openLake(place.config);
  const parameters = statement.includes('?') ? ['click'] : [];
  expect((await lake.query(statement, parameters)).count).toBe(0);
});

/** Every SQL file of the project. */
function sqlFiles(): string[] {
  return ['common', 'services', 'test', 'deploy', 'examples'].flatMap((folder) => {
    try {
      const names = readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' });
      return names.filter((name) => name.endsWith('.sql')).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
}

describe('every SQL file of the project', () => {
  test.each(sqlFiles())('%s is in the dialect, and DuckDB runs it', async (file) => {
    const statement = checkSql(readFileSync(join(projectRoot, file), 'utf8'), file);
    await using place = await lakeHome('local');
    await using log = await SegmentLog.open(join(place.home, 'log'));
    await log.append(variedPayloads(300, 1));
    await roll(log, place.config);
    await using lake = await openLake(place.config);
    const parameters = statement.match(/\?/g)?.map(() => 0) ?? [];
    expect((await lake.query(statement, parameters)).names.length).toBeGreaterThan(0);
  });
});
