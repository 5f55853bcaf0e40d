import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseColumnMap } from './columns.ts';
import type { Dataset } from './dataset.ts';
import { readDataset } from './dataset.ts';
import { interactionRows } from './fixtures/interaction-rows.ts';
import type { ImportProgress, ReadOptions } from './read-rows.ts';

const ML100K = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'data/ml100k');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function read(name: string, content: string | Uint8Array, options?: ReadOptions): Promise<Dataset> {
  return readDataset(await file(name, content), options);
}

const INTER = 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n';

describe('RecBole atomic files', () => {
  it('reads a folder: items, users and interactions, plain and packed', async () => {
    await file('tiny.inter', `${INTER}u1\ti2\t3\t1000\nu2\ti9\t4.5\t1001.5\r\n\nu1\ti1\t\t1002`);
    await file(
      'tiny.item.gz',
      gzipSync(
        'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\tprice:float\tsizes:float_seq\n' +
          'i1\tThe First One\t1995\tDrama Film-Noir\t2.5\t1 2\ni2\t\t\t\t\t\n',
      ),
    );
    await file('tiny.user', 'user_id:token\tage:float\tjob:token\nu3\t30\twriter\nu1\t24\t\n');
    const dataset = await readDataset(folder);

    expect(interactionRows(dataset)).toEqual([
      ['u1', 'i2', 'rating', 3, 1_000_000],
      ['u2', 'i9', 'rating', 4.5, 1_001_500],
      ['u1', 'i1', 'view', Number.NaN, 1_002_000],
    ]);
    expect(dataset.items).toEqual([
      {
        id: 'i1',
        title: 'The First One',
        categories: ['Drama', 'Film-Noir'],
        attributes: { release_year: '1995', price: 2.5, sizes: ['1', '2'] },
      },
      { id: 'i2', title: '', categories: [], attributes: {} },
      { id: 'i9', title: '', categories: [], attributes: {} },
    ]);
    expect(dataset.bareItems).toBe(1);
    expect(dataset.users).toEqual(['u3', 'u1', 'u2']);
    expect(dataset.userRows).toEqual([
      { id: 'u3', attributes: { age: 30, job: 'writer' } },
      { id: 'u1', attributes: { age: 24 } },
    ]);
    expect(dataset.report).toEqual({ rows: 7, bad: 0, firstBad: [] });
  });

  it('reads the friendships of a .net file into the attribute friends', async () => {
    await file('tiny.inter', `${INTER}u1\ti1\t3\t1000\n`);
    await file('tiny.user', 'user_id:token\tage:float\nu1\t24\n');
    await file('tiny.net', 'source_id:token\ttarget_id:token\nu1\tu2\nu3\tu1\nu1\tu9\nu1\t\n');
    const { users, userRows, report } = await readDataset(folder);
    expect(users).toEqual(['u1', 'u3']);
    expect(userRows).toEqual([
      { id: 'u1', attributes: { age: 24, friends: ['u2', 'u9'] } },
      { id: 'u3', attributes: { friends: ['u1'] } },
    ]);
    expect(report).toMatchObject({ rows: 6, bad: 1, firstBad: [{ line: 5, reason: 'target: empty' }] });
  });

  it('counts bad rows and reports the first ten with file, line and reason', async () => {
    const long = 'x'.repeat(257);
    const rows = [
      'u1\ti1\t3',
      '\ti1\t3\t1000',
      'u1\ti1\tgood\t1000',
      'u1\ti1\t1e39\t1000',
      'u1\ti1\t3\tyesterday',
      'u1\ti1\t3\t',
      `${long}\ti1\t3\t1000`,
      'u\u0007\ti1\t3\t1000',
      'u1\ti1\t3\t-5',
      'u1\ti1\tInfinity\t1000',
      'u1\ti1\tNaN\t1000',
      `${'x'.repeat(256)}\ti1\t3\t1000`,
    ];
    const dataset = await read('bad.inter', INTER + rows.join('\n'));
    expect(dataset.interactions.user).toHaveLength(1);
    expect(dataset.users).toEqual(['x'.repeat(256)]);
    expect(dataset.report).toMatchObject({ rows: 12, bad: 11 });
    expect(dataset.report.firstBad.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '2 3 columns where the header has 4',
      '3 user: empty',
      '4 value: not a number: "good"',
      '5 value: too large for a 32-bit float: "1e39"',
      '6 time: neither ISO 8601 nor a number: "yesterday"',
      '7 time: empty',
      `8 user: longer than 256 bytes: "${'x'.repeat(40)}…"`,
      '9 user: control character in "u\\u0007"',
      '10 time: not a time from 1970 on: "-5"',
      '11 value: not a number: "Infinity"',
    ]);
    expect(dataset.report.firstBad[0].file).toBe(join(folder, 'bad.inter'));
  });

  it('counts a row that is not valid UTF-8 and reads those around it', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${INTER}ü1\ti1\t3\t1000\nu`),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('\ti1\t3\t1000\nu3\ti1\t3\t1000\n'),
    ]);
    const dataset = await read('utf8.inter', bytes);
    expect(dataset.users).toEqual(['ü1', 'u3']);
    expect(dataset.report.firstBad).toEqual([
      { file: join(folder, 'utf8.inter'), line: 3, reason: 'not valid UTF-8' },
    ]);
  });

  it('stops at the first bad row where strict', async () => {
    const path = await file('strict.inter', `${INTER}u1\ti1\t3\t1000\nu1\t\t3\t1000\nu1\ti1\n`);
    await expect(readDataset(path, { strict: true })).rejects.toThrow(`${path}:3: item: empty`);
  });

  it.each([
    ['user_id:token\trating:float\ttimestamp:float\n', 'no column for item: item_id or item'],
    ['user_id:token\titem_id:token\ttimestamp\n', "column 'timestamp' is not name:type"],
    ['user_id:token\titem_id:token\tuser_id:token\n', "column 'user_id' is there twice"],
    ['', 'no header line'],
  ])('refuses the header %j', async (header, message) => {
    const path = await file('header.inter', header);
    await expect(readDataset(path)).rejects.toThrow(message);
    await expect(readDataset(path)).rejects.toThrow(path);
  });

  it('refuses a folder with nothing in it, or with two files of a kind', async () => {
    await expect(readDataset(folder)).rejects.toThrow(`${folder}: holds no .inter`);
    await file('a.inter', INTER);
    await file('b.inter.gz', gzipSync(INTER));
    await expect(readDataset(folder)).rejects.toThrow('name one');
  });

  it('counts a second row of one item or user as bad', async () => {
    await file('twice.item', 'item_id:token\ni1\ni1\n');
    await file('twice.user', 'user_id:token\nu1\nu1\n');
    const { report } = await readDataset(folder);
    expect(report.firstBad.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      "3 item: 'i1' has a row already",
      "3 user: 'u1' has a row already",
    ]);
  });
});

describe('CSV', () => {
  it('reads mapped columns, an item file and a user file', async () => {
    const items = await file(
      'items.csv',
      'sku,title,genres,year:float,zip,available_from,available_until,regions\n' +
        'a,"One, ""two""\nthree",x|y,1999,02138,2020-01-01,2021-01-01T12:00:00+02:00,DE|FR\n',
    );
    const users = await file('users.tsv', 'id\tcity\nu1\tBern\n');
    const content = 'uid,sku,ts,event,price\nu1,a,1600000000,purchase,9.5\nu2,b,1600000000123,,\n';
    const map = parseColumnMap('user=uid,item=sku,time=ts,action=event,value=price');
    const dataset = await read('log.csv', content, { items, users, map });

    expect(interactionRows(dataset)).toEqual([
      ['u1', 'a', 'purchase', 9.5, 1_600_000_000_000],
      ['u2', 'b', 'view', Number.NaN, 1_600_000_000_123],
    ]);
    expect(dataset.items[0]).toEqual({
      id: 'a',
      title: 'One, "two"\nthree',
      categories: ['x', 'y'],
      attributes: { year: 1999, zip: '02138' },
      availableFromMs: Date.UTC(2020, 0, 1),
      availableUntilMs: Date.UTC(2021, 0, 1, 10),
      regions: ['DE', 'FR'],
    });
    expect(dataset.items[1]).toEqual({ id: 'b', title: '', categories: [], attributes: {} });
    expect(dataset.userRows).toEqual([{ id: 'u1', attributes: { city: 'Bern' } }]);
  });

  it('takes the unit of the map and the configured action', async () => {
    const content = 'user,item,t\nu,i,5\n';
    const map = parseColumnMap('time=t:ms');
    const dataset = await read('unit.csv', content, { map, defaultAction: 'click' });
    expect(interactionRows(dataset)).toEqual([['u', 'i', 'click', Number.NaN, 5]]);
  });

  it('refuses a map to a column that is not there', async () => {
    const path = await file('map.csv', 'user,item,time\n');
    const map = parseColumnMap('user=uid');
    await expect(readDataset(path, { map })).rejects.toThrow(
      `${path}: no column 'uid' (mapped to user); the file has user, item, time`,
    );
  });

  it('loses only the broken record, and numbers lines by the file', async () => {
    const lines = [
      'user,item,time,note',
      'u1,i1,1,"a\nb"',
      'u2,i2,2,5" disk',
      'u3,i3,3,',
      'u4,i4,4,"x"y',
      'u5,i5,5,ok,extra',
      'u6,i6,6,"never closed',
      'u7,i7,7,',
    ];
    const dataset = await read('quotes.csv', lines.join('\r\n'));
    expect(dataset.users).toEqual(['u1', 'u3', 'u7']);
    expect(dataset.report.firstBad.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '4 a quote inside an unquoted field',
      '6 text after a closing quote',
      '7 5 columns where the header has 4',
      '8 a quote that is not closed',
    ]);
    expect(dataset.report).toMatchObject({ rows: 7, bad: 4 });
  });

  it('gives up on an open quote after 1,000 lines', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => `u${i},i,${i}`);
    rows[3] = '"u3,i,3';
    const { report } = await read('open.csv', `user,item,time\n${rows.join('\n')}\n`);
    expect(report).toMatchObject({ rows: 2500, bad: 1, firstBad: [{ line: 5 }] });
  });

  it('reads back whatever is written by the rules of RFC 4180', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', ',', '"', '\n', '|') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 30 }), async (rows) => {
        const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
        const body = rows.map((row, i) => `${i},${row.map(quote).join(',')}\n`).join('');
        const items = await file('fuzz.csv', `\ufeffid,title,text\n${body}`);
        const { items: read, report } = await readDataset(await file('none.csv', 'user,item,time'), {
          items,
        });
        expect(report.bad).toBe(0);
        expect(read.map((row) => [row.title, row.text ?? ''])).toEqual(rows);
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

describe('JSON Lines', () => {
  it('reads rows whose keys differ, values of every kind, and counts the rest', async () => {
    const items = await file(
      'items.jsonl',
      [
        '{"id":7,"title":"Seven","genres":["a","b"],"year":1995,"used":true,"tags":["x",2],"gone":null}',
        '{"item":"b","name":"Bee","category":"one|two","__proto__":"kept"}',
        '{"id":"c","size":{"w":1}}',
      ].join('\n'),
    );
    const rows = [
      '{"user":"u1","item":7,"time":"2020-01-01T00:00:00.500Z"}',
      '{"item":"b","user_id":"u2","timestamp":1577836800,"rating":4,"action":"rate"}',
      '{"user":"u3","item":"b"}',
      '{"user":"u3","item":"b","time":1e999}',
      '{"user":"u3","item":["b"],"time":1}',
      '["u3"]',
      '{"user":',
      '{"user":"\\ud800","item":"b","time":1}',
    ];
    const dataset = await read('log.ndjson', rows.join('\n'), { items });
    expect(interactionRows(dataset)).toEqual([
      ['u1', '7', 'view', Number.NaN, Date.UTC(2020, 0, 1) + 500],
      ['u2', 'b', 'rate', 4, Date.UTC(2020, 0, 1)],
    ]);
    expect(dataset.items[0]).toEqual({
      id: '7',
      title: 'Seven',
      categories: ['a', 'b'],
      attributes: { year: 1995, used: 'true', tags: ['x', '2'] },
    });
    expect(Object.entries(dataset.items[1].attributes)).toEqual([['__proto__', 'kept']]);
    expect(dataset.items[1]).toMatchObject({ title: 'Bee', categories: ['one', 'two'] });
    expect(dataset.report).toMatchObject({ rows: 11, bad: 7 });
    expect(dataset.report.firstBad.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '3 size: not text',
      '3 time: empty',
      '4 time: not a time from 1970 on: "Infinity"',
      '5 item: neither a string nor an integer',
      '6 not a JSON object',
      expect.stringMatching(/^7 invalid JSON: /),
      expect.stringMatching(/^8 user: control character/),
    ]);
  });
});

describe('files', () => {
  it('refuses a gzip file that is cut, damaged or empty, by name', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `u${i}\ti${i % 97}\t3\t${i}`);
    const packed = gzipSync(INTER + rows.join('\n'));
    const damaged = Buffer.from(packed);
    damaged[packed.length - 6] ^= 0xff;
    for (const bytes of [packed.subarray(0, packed.length - 9), damaged, Buffer.alloc(0)]) {
      const path = await file('cut.inter.gz', bytes);
      await expect(readDataset(path)).rejects.toThrow(new RegExp(`^${path}: .*gzip`));
    }
  });

  it('refuses a file that is absent or of no known format', async () => {
    const absent = join(folder, 'absent.csv');
    await expect(readDataset(absent)).rejects.toThrow(absent);
    await expect(read('data.arrow', 'ARROW1')).rejects.toThrow('the name ends in none of');
  });

  it('keeps every row of a long file, and tells its progress in bytes to the end', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `u${i % 500},i${i % 97},${i}`);
    const items = await file('items.csv', 'id,title\ni1,One\n');
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress) => seen.push(progress);
    const dataset = await read('log.csv', `user,item,time\n${rows.join('\n')}`, { items, onProgress });
    expect(
      interactionRows(dataset).map(([user, item, , , timeMs]) => `${user},${item},${Number(timeMs) / 1000}`),
    ).toEqual(rows);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen[0].file).toBe(items);
    expect(seen.at(-1)?.bytesRead).toBe(seen[0].bytesTotal);
    expect(seen.map(({ bytesRead }) => bytesRead)).toEqual(
      seen.map(({ bytesRead }) => bytesRead).sort((a, b) => a - b),
    );
  });

  it.skipIf(!existsSync(ML100K))(`reads MovieLens-100K (skipped where ${ML100K} is absent)`, async () => {
    const dataset = await readDataset(ML100K, { strict: true });
    expect(dataset.users).toHaveLength(943);
    expect(dataset.userRows).toHaveLength(943);
    expect(dataset.items).toHaveLength(1682);
    expect(dataset.bareItems).toBe(0);
    expect(dataset.interactions.user).toHaveLength(100_000);
    expect(dataset.actions).toEqual(['rating']);
    expect(dataset.report).toEqual({ rows: 100_000 + 1682 + 943, bad: 0, firstBad: [] });
    expect(dataset.items[0]).toEqual({
      id: '1',
      title: 'Toy Story',
      categories: ['Animation', "Children's", 'Comedy'],
      attributes: { release_year: '1995' },
    });
    expect(interactionRows(dataset)[0]).toEqual(['196', '242', 'rating', 3, 881_250_949_000]);
  });
});
