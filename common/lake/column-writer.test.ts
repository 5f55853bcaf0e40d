import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { ColumnWriter } from './column-writer.ts';
import { DuckDb } from './duck-db.ts';

const SEED = 20_261;

test(`texts and bytes of every length arrive as they were, seed ${SEED}`, async () => {
  using db = await DuckDb.open();
  const random = new Random(SEED);
  const rows = 5_000;
  const texts = Array.from({ length: rows }, (_, row) =>
    'ab🌊é'.repeat(random.int(row % 500 === 0 ? 20_000 : 40)).slice(0, random.int(200_000)),
  );
  const bytes = texts.map(() => Uint8Array.from({ length: random.int(40) }, () => random.int(256)));
  await db.connected(async (connection) => {
    await connection.run('CREATE TABLE t (n BIGINT, text VARCHAR, bytes BLOB)');
    const writer = await ColumnWriter.open(connection, 't', ['bigint', 'text', 'bytes']);
    const source = new Uint8Array(1_000_000);
    for (let row = 0; row < rows; row++) {
      writer.setNumber(0, row);
      const { written } = new TextEncoder().encodeInto(texts[row], source.subarray(3));
      writer.setBytes(1, source, 3, 3 + written);
      writer.setBytes(2, bytes[row], 0, bytes[row].length);
      writer.endRow();
      if (random.int(700) === 0) writer.flush();
    }
    writer.close();
  });
  const found = await db.query('SELECT text, bytes FROM t ORDER BY n');
  const wellFormed = texts.map((text) => new TextDecoder().decode(new TextEncoder().encode(text)));
  expect(found.column('text')).toEqual(wellFormed.map((text) => text || null));
  expect(found.column('bytes')).toEqual(bytes.map((one) => (one.length === 0 ? null : one)));
});
