import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../common/random.ts';
import { ctrBench } from './ctr.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-ctr-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Quoted and blank-padded cells, missing ones, a constant and an empty column, many cities; `wins` hangs on colour and size. */
function rows(count: number, seed: number, cities: number): string[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const colour = ['red', '"light, blue"', '?'][random.int(3)];
    const size = random.next() < 0.2 ? '' : (100 * random.next()).toFixed(1);
    const wins = (colour === 'red') === Number(size) > 60 && random.next() < 0.9;
    return ` ${colour} , ${size}, 7, ,city ${random.int(cities)}, ${wins ? 'yes' : 'no'}`;
  });
}

const HEADER = 'colour, size, constant, empty, city, wins';

function file(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  const text = `${lines.join('\r\n')}\r\n`;
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

const train = file('train.csv.gz', [HEADER, ...rows(2000, 1, 300)]);
const test = file('test.csv', [HEADER, ...rows(1000, 2, 400)]);

async function run(...args: string[]): Promise<Record<string, never>> {
  const printed: string[] = [];
  await ctrBench.run(args, (line) => printed.push(line));
  expect(printed).toHaveLength(1);
  return JSON.parse(printed[0]);
}

describe('bench ctr', () => {
  it('measures a model on a test file with unseen categories and other columns', async () => {
    const figures = await run('--train', train, '--test', test, '--label', 'wins', '--model', 'widedeep');
    expect(figures).toMatchObject({ bench: 'ctr', model: 'widedeep', positive: 'yes', seed: 1 });
    expect(figures.auc).toBeGreaterThan(0.85);
    expect(figures.accuracy).toBeGreaterThan(0.85);
    expect(figures.logLoss).toBeLessThan(0.45);
  });

  it('means several seeds', async () => {
    const args = ['--train', train, '--test', test, '--label', 'wins', '--model', 'logistic'];
    const { runs, auc, seed } = await run(...args, '--seed', '4', '--seeds', '2');
    const each = runs as { auc: number }[];
    expect(seed).toBe(4);
    expect(each).toHaveLength(2);
    expect(each[0].auc).not.toBe(each[1].auc);
    expect(auc).toBeCloseTo((each[0].auc + each[1].auc) / 2, 10);
  });

  it('takes the greater of two numbers for positive, however frequent', async () => {
    const lines = ['x,y', ...Array.from({ length: 40 }, (_, i) => `${i % 7},${i % 4 === 0 ? -1 : 1}`)];
    const both = file('numbers.csv', lines);
    const { positive } = await run('--train', both, '--test', both, '--label', 'y', '--model', 'logistic');
    expect(positive).toBe('1');
  });

  it('knows a number however it is written', async () => {
    const labelled = (name: string, zero: string, one: string) =>
      file(name, ['x,y', ...Array.from({ length: 40 }, (_, i) => `${i % 7},${i % 4 === 0 ? one : zero}`)]);
    const [floats, whole] = [labelled('floats.csv', '0.0', '1.0'), labelled('whole.csv', '0', '1')];
    const auc = async (testFile: string) =>
      (await run('--train', floats, '--test', testFile, '--label', 'y', '--model', 'logistic')).auc;
    expect(await auc(whole)).toBe(await auc(floats));
  });

  it('names file, line and column of what it cannot use', async () => {
    const refused = (trainFile: string, testFile: string, label = 'wins') =>
      expect(
        ctrBench.run(
          ['--train', trainFile, '--test', testFile, '--label', label, '--model', 'dcn'],
          () => {},
        ),
      ).rejects;
    await refused(join(folder, 'nowhere.csv'), test).toThrow('nowhere.csv[.gz]: no such file');
    await refused(train, test, 'looses').toThrow("train.csv.gz:1: no column 'looses'; it has colour, size");
    await refused(train, test, 'size').toThrow("train.csv.gz: label 'size' has");
    const changed = (name: string, line: string) => file(name, [HEADER, 'red,1,7,,city 1,no', '', line]);
    await refused(train, changed('word.csv', 'red,big,7,,city 1,no')).toThrow(
      "word.csv:4: column 'size': 'big' is not a number, as the training rows had",
    );
    await refused(train, changed('short.csv', 'red,1')).toThrow(
      "short.csv:4: 2 cells, the header names 6; the last that both have is 'size'",
    );
    await refused(train, changed('quote.csv', 'red,"1"2,7,,city 1,no')).toThrow('quote.csv:4: ');
    await refused(train, changed('label.csv', 'red,1,7,,city 1,maybe')).toThrow(
      "label.csv:4: column 'wins': label 'maybe' is neither no nor yes",
    );
    await refused(changed('blank.csv', 'red,1,7,,city 1,?'), test).toThrow("label 'wins' has 1 values (no");
    await refused(train, changed('sure.csv', 'red,1,7,,city 1,no')).toThrow(
      "sure.csv: label 'wins' has one value only",
    );
    await refused(train, file('narrow.csv', ['colour,size,wins', 'red,1,no'])).toThrow(
      "narrow.csv:1: no column 'constant'",
    );
    await refused(train, file('twice.csv', ['a,a', '1,2'])).toThrow("twice.csv:1: two columns are named 'a'");
    await refused(train, file('headed.csv', [HEADER])).toThrow('headed.csv: no rows under the header');
  });
});
