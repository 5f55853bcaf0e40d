import { createHmac } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { ConfigSource } from '../config.ts';
import { type KeyPlace, PLAIN_IDS, readPseudonymKeys, rotatePseudonymKey } from './pseudonym-keys.ts';
import { Pseudonyms } from './pseudonyms.ts';

const FILE = 'secrets/keys.json';
const KEY = '11'.repeat(32);
const OTHER = '22'.repeat(32);
const NOVEMBER_MS = Date.UTC(2026, 10, 1);

let home = '';
beforeEach(async () => {
  const folder = await temporaryHome();
  home = folder.home;
  return () => folder[Symbol.asyncDispose]();
});

const path = (): string => join(home, FILE);
const place = (): KeyPlace => ({ path: path(), home });
const source = (): ConfigSource =>
  new ConfigSource({ MILLRACE_HOME: home, MILLRACE__RIGHTS__PSEUDONYM_KEYS: FILE });

async function write(keys: unknown): Promise<void> {
  await mkdir(join(home, 'secrets'), { recursive: true });
  await writeFile(path(), JSON.stringify({ keys }));
}

function digest(key: string, id: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(id).digest('base64url').slice(0, 22);
}

test('without a file of keys people are called by their ids', () => {
  const pseudonyms = Pseudonyms.open(new ConfigSource({ MILLRACE_HOME: home }));
  expect(pseudonyms.upTo('anna', NOVEMBER_MS)).toEqual(['anna']);
  expect(pseudonyms.arePlain).toBe(true);
});

test('a name is the keyed hash under the key of its month, and changes at midnight UTC of the first', async () => {
  await write([
    PLAIN_IDS,
    { number: 1, from: '2026-10', key: KEY },
    { number: 2, from: '2026-11', key: OTHER },
  ]);
  const pseudonyms = Pseudonyms.open(source());
  const [first, second] = [`1.${digest(KEY, 'anna')}`, `2.${digest(OTHER, 'anna')}`];
  expect(pseudonyms.at('anna', NOVEMBER_MS)).toBe(second);
  expect(pseudonyms.at('anna', NOVEMBER_MS - 1)).toBe(first);
  expect(pseudonyms.at('anna', Date.UTC(2026, 8, 30))).toBe('anna');
  expect(pseudonyms.at('anna', -1)).toBe('anna');
  expect(pseudonyms.upTo('anna', NOVEMBER_MS)).toEqual([second, first, 'anna']);
  expect(pseudonyms.upTo('anna', NOVEMBER_MS - 1)).toEqual([first, 'anna']);
  expect(pseudonyms.at('bert', NOVEMBER_MS)).not.toBe(second);
});

test('the first key is in force from the beginning where nothing is stored, later ones from the next month', async () => {
  const first = await rotatePseudonymKey(place(), NOVEMBER_MS, false);
  expect(first).toMatchObject([{ number: 1, from: '1970-01', key: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  const both = await rotatePseudonymKey(place(), Date.UTC(2026, 11, 31, 22), true);
  expect(both.map(({ number, from }) => [number, from])).toEqual([
    [1, '1970-01'],
    [2, '2027-01'],
  ]);
  expect(both[0]).toEqual(first[0]);
  expect(readPseudonymKeys(place())).toEqual(both);
});

test('ids that are stored already stay until the next month, and an hour before it is too late for that one', async () => {
  const lastHourMs = Date.UTC(2026, 11, 31, 23, 30);
  const keys = await rotatePseudonymKey(place(), lastHourMs, true);
  expect(keys).toMatchObject([PLAIN_IDS, { number: 1, from: '2027-02' }]);
});

test('a key that is not in force yet is not followed by another one', async () => {
  await rotatePseudonymKey(place(), NOVEMBER_MS, true);
  const before = await readFile(path(), 'utf8');
  await expect(rotatePseudonymKey(place(), NOVEMBER_MS, true)).rejects.toThrow(
    /key 1 comes into force with 2026-12/,
  );
  expect(await readFile(path(), 'utf8')).toBe(before);
});

test.each([
  ['no keys', [], /keys/],
  [
    'a gap before the first key',
    [{ number: 1, from: '2026-10', key: KEY }],
    /the first key is not from 1970-01/,
  ],
  ['a key that is too short', [{ number: 1, from: '1970-01', key: '11' }], /32 bytes/],
  ['no month', [{ number: 1, from: '2026-13', key: KEY }], /not a month/],
  [
    'months out of order',
    [PLAIN_IDS, { number: 1, from: '2026-11', key: KEY }, { number: 2, from: '2026-10', key: KEY }],
    /ascend/,
  ],
  ['a number twice', [PLAIN_IDS, { number: 0, from: '2026-11', key: KEY }], /ascend/],
  [
    'ids again',
    [
      { number: 1, from: '1970-01', key: KEY },
      { number: 2, from: '2026-11', key: null },
    ],
    /later key is null/,
  ],
])('a file with %s is refused by name', async (_, keys, why) => {
  await write(keys);
  expect(() => Pseudonyms.open(source())).toThrow(why);
  expect(() => Pseudonyms.open(source())).toThrow(path());
});

test('a file that is missing stops the start and says which command makes it', () => {
  expect(() => Pseudonyms.open(source())).toThrow(
    /rights\.pseudonymKeys: .*keys\.json: is not there; `millrace privacy rotate-key`/,
  );
});

test('a key that is added is taken up while running, and a file that is damaged or gone changes nothing', async () => {
  await write([PLAIN_IDS]);
  const pseudonyms = Pseudonyms.open(source());
  const stopping = new AbortController();
  const following = pseudonyms.follow(pino({ enabled: false }), stopping.signal);
  await write([PLAIN_IDS, { number: 1, from: '2026-10', key: KEY }]);
  const name = (): string => pseudonyms.at('anna', NOVEMBER_MS);
  await expect.poll(name, { timeout: 10_000 }).toBe(`1.${digest(KEY, 'anna')}`);
  await writeFile(path(), '{');
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(name()).toBe(`1.${digest(KEY, 'anna')}`);
  stopping.abort();
  await following;
});

test('keys in use stay in use where the file lacks them or has others', async () => {
  await write([{ number: 1, from: '1970-01', key: KEY }]);
  const pseudonyms = Pseudonyms.open(source());
  const refused: string[] = [];
  const log = pino({}, { write: (line) => void refused.push(line) });
  const stopping = new AbortController();
  const following = pseudonyms.follow(log, stopping.signal);
  for (const keys of [
    [PLAIN_IDS, { number: 1, from: '2026-12', key: KEY }],
    [{ number: 1, from: '1970-01', key: OTHER }],
  ]) {
    await write(keys);
    await expect.poll(() => refused.length, { timeout: 10_000 }).toBe(1);
    expect(refused.pop()).toContain('key 1 is in use and was changed or taken out');
    expect(pseudonyms.at('anna', NOVEMBER_MS)).toBe(`1.${digest(KEY, 'anna')}`);
  }
  stopping.abort();
  await following;
});

test('where keys were made, a file that is gone, of before, or another one is refused, by services and for another key', async () => {
  await rotatePseudonymKey(place(), NOVEMBER_MS, false);
  const older = await readFile(path(), 'utf8');
  await rotatePseudonymKey(place(), NOVEMBER_MS, true);
  const latest = await readFile(path(), 'utf8');
  const january = Date.UTC(2027, 0, 5);
  const refused = async (why: RegExp): Promise<void> => {
    expect(() => Pseudonyms.open(source())).toThrow(why);
    await expect(rotatePseudonymKey(place(), january, true)).rejects.toThrow(why);
  };
  await rm(path());
  await refused(/keys\.json: key 2 was made and is not there; put the file back/);
  await writeFile(path(), older);
  await refused(/key 2 was made and is not there/);
  const { keys } = JSON.parse(latest);
  await write([{ ...keys[0], key: OTHER }, keys[1]]);
  await refused(/key 1 is another than was made/);
  await write([PLAIN_IDS, keys[1]]);
  expect(Pseudonyms.open(source()).upTo('anna', january).length).toBe(2);
  await writeFile(path(), latest);
  expect((await rotatePseudonymKey(place(), january, true)).map(({ number }) => number)).toEqual([1, 2, 3]);
});

test('of two who add a key at once one is refused, and the file has what the other was told', async () => {
  const both = await Promise.allSettled([1, 2].map(() => rotatePseudonymKey(place(), NOVEMBER_MS, false)));
  const made = both.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  expect(made).toEqual([readPseudonymKeys(place())]);
  const [refused] = both.flatMap((result) => (result.status === 'rejected' ? [result.reason.message] : []));
  expect(refused).toMatch(/is adding a key/);
});

test('of a file that is no JSON no key is told', async () => {
  await write([PLAIN_IDS]);
  await writeFile(path(), `{"keys": [{ "number": 1, "from": "1970-01", "key": x${KEY} }]}`);
  expect(() => Pseudonyms.open(source())).toThrow(/keys\.json: is not JSON; put the file back from a copy$/);
});
