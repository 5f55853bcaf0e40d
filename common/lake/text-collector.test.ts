import { expect, test } from 'vitest';
import { DuckDb } from './duck-db.ts';

test('texts of every length are numbered by their first rows, and NULLs are none', async () => {
  using db = await DuckDb.open();
  const sql = `SELECT CASE WHEN n % 7 = 3 THEN NULL ELSE repeat('xé', CAST(n % 11 AS INTEGER)) || (n * n % 2003) END AS text
    FROM range(9000) AS t (n) ORDER BY n`;
  const answer = await db.query(sql);
  const { values, codes } = answer.codedTexts('text');
  const expected = Array.from({ length: 9_000 }, (_, n) =>
    n % 7 === 3 ? null : 'xé'.repeat(n % 11) + ((n * n) % 2_003),
  );
  expect(answer.column('text')).toEqual(expected);
  expect(values).toEqual([...new Set(expected.filter((text) => text !== null))]);
  expect(Array.from(codes, (code) => values[code] ?? null)).toEqual(expected);
  expect(() => answer.numbers('text')).toThrow('column text holds no numbers');
});

test('texts that share what a hash or a prefix sees stay apart', async () => {
  using db = await DuckDb.open();
  const texts = [
    '',
    'a',
    'a\0',
    'abcdefghijkl',
    'abcdefghijklm',
    'abcdefghijkln',
    'abcd',
    'a',
    'abcdefghijklm',
  ];
  const rows = texts.map((text) => `(decode('${hexadecimal(text)}'::BLOB))`);
  const { values, codes } = (
    await db.query(`SELECT * FROM (VALUES ${rows.join(', ')}) AS t (text)`)
  ).codedTexts('text');
  expect(Array.from(codes, (code) => values[code])).toEqual(texts);
  expect(values.length).toBe(7);
});

/** The bytes of a text as DuckDB writes them in a BLOB. */
function hexadecimal(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '\\x$&');
}
