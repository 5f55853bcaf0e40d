import { describe, expect, it } from 'vitest';
import { parseColumnMap } from './columns.ts';
import { readId, readNumber, readText, readTime } from './fields.ts';

describe('readTime', () => {
  it.each([
    ['2020-02-29', undefined, Date.UTC(2020, 1, 29)],
    ['2020-01-01 10:30', undefined, Date.UTC(2020, 0, 1, 10, 30)],
    ['2020-01-01T10:30:00.25Z', 's', Date.UTC(2020, 0, 1, 10, 30, 0, 250)],
    ['2020-01-01T10:30:00+0530', undefined, Date.UTC(2020, 0, 1, 5)],
    ['99999999999', undefined, 99_999_999_999_000],
    ['100000000000', undefined, 100_000_000_000],
    [1.5, undefined, 1500],
    ['1e3', 'ms', 1000],
    ['100000000000', 's', 100_000_000_000_000],
  ] as const)('reads %j with unit %s', (cell, unit, timeMs) => {
    expect(readTime(cell, unit, 't')).toBe(timeMs);
  });

  it.each(['2021-02-29', '2020-13-01', '2020-01-01T25:00', '20200101T00', '1e16', '-1', 'NaN', '0x10', true])(
    'refuses %j',
    (cell) => {
      expect(() => readTime(cell, 'ms', 't')).toThrow(/^t: /);
    },
  );
});

it('reads numbers in decimal notation only', () => {
  expect(['1', '-.5', '+2.', '3e-2'].map((cell) => readNumber(cell, 'n'))).toEqual([1, -0.5, 2, 0.03]);
  for (const cell of ['', ' ', '0x1', '1,5', '1e999', 'Infinity', null, []]) {
    expect(() => readNumber(cell, 'n')).toThrow(/^n: /);
  }
});

it('counts the bytes of an id, not its characters', () => {
  expect(readId('é'.repeat(128), 'id')).toHaveLength(128);
  expect(() => readId('é'.repeat(129), 'id')).toThrow('longer than 256 bytes');
  expect(() => readId('  ', 'id')).toThrow('blank');
  expect(() => readId('a\u0085', 'id')).toThrow('control character');
});

it('lets text have line breaks and no other control characters', () => {
  expect(readText('a\n\tb\r', 't')).toBe('a\n\tb\r');
  for (const cell of ['\u0000', '\u001b', '\u007f', '\u009f', '\udc00']) {
    expect(() => readText(cell, 't')).toThrow('control character');
  }
});

it('parses a column map and refuses what it cannot mean', () => {
  expect(parseColumnMap('user=uid, time=a:b:ms,item=x:s')).toEqual({
    user: { column: 'uid' },
    time: { column: 'a:b', unit: 'ms' },
    item: { column: 'x:s' },
  });
  expect(() => parseColumnMap('who=uid')).toThrow("'who=uid' is not role=column");
  expect(() => parseColumnMap('user')).toThrow("'user' is not role=column");
  expect(() => parseColumnMap('user=')).toThrow('user has no column name');
  expect(() => parseColumnMap('user=a,user=b')).toThrow('user is mapped twice');
});
