import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../common/random.ts';
import { ltrBench } from './ltr.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-ltr-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Queries of 8 documents whose grade is that of feature 1 in thirds; every fourth query has no relevant one. */
function lines(queries: number, seed: number): { text: string; sizes: string } {
  const random = new Random(seed);
  let text = '';
  for (let query = 0; query < queries; query++) {
    for (let document = 0; document < 8; document++) {
      const x = random.next();
      const grade = query % 4 === 3 ? 0 : Math.floor(3 * x);
      text += `${grade} qid:${query} 1:${x.toFixed(4)} 3:${random.normal().toFixed(4)} # d\n`;
    }
  }
  return { text, sizes: '8\n'.repeat(queries) };
}

function file(name: string, queries: number, seed: number): string {
  const path = join(folder, name);
  const { text, sizes } = lines(queries, seed);
  writeFileSync(path, text);
  writeFileSync(`${path}.query`, sizes);
  return path;
}

const train = file('train', 40, 1);
const more = file('more', 10, 2);
const valid = file('valid', 12, 3);
const test = file('test', 16, 4);

async function run(...args: string[]): Promise<Record<string, number>> {
  const printed: string[] = [];
  await ltrBench.run(args, (line) => printed.push(line));
  expect(printed).toHaveLength(1);
  return JSON.parse(printed[0]);
}

describe('bench ltr', () => {
  const linear = ['--train', train, '--valid', valid, '--test', test, '--model', 'linear'];

  it('measures by qid and by sizes alike, a query without a relevant document as it is told', async () => {
    const byQid = await run(...linear);
    expect(byQid).toMatchObject({ bench: 'ltr', model: 'linear', noRelevant: 0, 'ndcg@1': 0.75, map: 0.75 });
    for (const k of [3, 5, 10]) expect(byQid[`ndcg@${k}`]).toBeCloseTo(0.75, 2);
    const bySize = await run(...linear, '--group', '--no-relevant', '1');
    expect(bySize).toMatchObject({ 'ndcg@1': 1, map: 1 });
  });

  it('takes several training files, and the last groups of them to validate', async () => {
    const both = await run(...linear, '--train', more);
    const joined = await run(...linear.with(1, `${train},${more}`));
    expect(joined.validation).toEqual(both.validation);
    const last = await run(
      '--train',
      train,
      '--train',
      valid,
      '--valid-last',
      '12',
      '--test',
      test,
      '--model',
      'linear',
    );
    expect(last.validation).toEqual((await run(...linear)).validation);
  });

  it('takes the default settings where no validation group has an order', async () => {
    const flat = join(folder, 'flat-valid');
    writeFileSync(flat, '1 qid:1 1:1 3:0\n0 qid:2 1:2 3:0\n');
    const figures = await run('--train', train, '--valid', flat, '--test', test, '--model', 'lambdamart');
    expect(figures.validation).toEqual([]);
    expect(figures['ndcg@1']).toBeGreaterThan(0.6);
  });

  it('learns from groups of one document by pointwise models, and says that the others cannot', async () => {
    const one = join(folder, 'one');
    const random = new Random(5);
    const document = (at: number) => {
      const x = random.next();
      return `${Math.floor(3 * x)} qid:${at} 1:${x} 3:0`;
    };
    writeFileSync(one, Array.from({ length: 60 }, (_, at) => document(at)).join('\n'));
    const args = ['--train', one, '--valid', one, '--test', test, '--model'];
    expect((await run(...args, 'linear'))['ndcg@1']).toBe(0.75);
    await expect(run(...args, 'ranknet')).rejects.toThrow(
      `${one}: no group has documents of different grades`,
    );
    writeFileSync(one, '1 qid:1 1:1\n1 qid:2 1:2\n');
    await expect(run(...args, 'linear')).rejects.toThrow(`${one}: no two documents are of different grades`);
  });

  it('names a wrong option or line', async () => {
    await expect(run('--train', train)).rejects.toThrow('--test is missing');
    await expect(run('--train', train, '--test', test)).rejects.toThrow('--valid is missing');
    await expect(run(...linear, '--no-relevant', '2')).rejects.toThrow("--no-relevant: there is no '2'");
    await expect(run(...linear, '--valid-last', '3')).rejects.toThrow('one of them');
    const few = ['--train', train, '--valid-last', '40', '--test', test, '--model', 'linear'];
    await expect(run(...few)).rejects.toThrow('have 40 groups');
    const flat = join(folder, 'flat');
    writeFileSync(flat, '1 qid:1 1:1\n1 qid:1 1:2\n');
    await expect(run(...linear.with(1, flat))).rejects.toThrow('flat: no two documents are of different');
    const bad = join(folder, 'bad');
    writeFileSync(bad, '1 qid:1 1:x\n');
    await expect(run(...linear.with(1, bad))).rejects.toThrow("bad:1: feature 1: 'x'");
  });
});
