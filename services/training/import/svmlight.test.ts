import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { readSvmlight } from './svmlight.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-svmlight-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

it('reads labels, groups, sparse rows, missing values and comments', async () => {
  const path = file(
    'plain.txt',
    '2 qid:7 1:0.5 3:-1e-2 # docid = x 1:9\n0 qid:7 2:nan\r\n\n# only a comment\n1 qid:a\n',
  );
  const [read] = await readSvmlight([[path]], { groups: 'qid' });
  expect(read).toEqual({
    rows: 3,
    width: 3,
    features: Float32Array.of(0.5, 0, -1e-2, 0, Number.NaN, 0, 0, 0, 0),
    labels: Float32Array.of(2, 0, 1),
    groups: Uint32Array.of(0, 2, 3),
  });
});

it('joins the files of a part, gives all parts the same columns and counts from 0 where one of them does', async () => {
  const a = file('a.txt.gz', '1 qid:1 1:1\n0 qid:2 1:2\n');
  const b = file('b.txt', '0 qid:2 4:3\n');
  const c = file('c.txt', '3 qid:1 0:5\n');
  const [train, test] = await readSvmlight([[a.replace('.gz', ''), b], [c]], { groups: 'qid' });
  expect([...train.groups]).toEqual([0, 1, 2, 3]);
  expect([...train.features]).toEqual([0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
  expect([...test.features]).toEqual([5, 0, 0, 0, 0]);
});

it('leaves out columns that the first part does not name, where it is told to', async () => {
  const a = file('first.txt', '1 qid:1 2000000000:1\n0 qid:1 7:2 9:0\n');
  const b = file('second.txt', '0 qid:2 3:3 9:4 90000:5\n');
  const [train, test] = await readSvmlight([[a], [b]], { groups: 'qid', namedInFirst: true });
  expect([train.width, ...train.features]).toEqual([3, 0, 0, 1, 2, 0, 0]);
  expect([test.width, ...test.features]).toEqual([3, 0, 4, 0]);
  const none = file('none.txt', '1 qid:1\n');
  await expect(readSvmlight([[none], [b]], { groups: 'qid', namedInFirst: true })).rejects.toThrow(
    'no features',
  );
});

it('takes group sizes from the file beside, whatever the rows say', async () => {
  const path = file('sized.gz', '1 1:1\n0 qid:5 1:2\n0 1:3\n');
  file('sized.query', '2\n1\n');
  const [read] = await readSvmlight([[path]], { groups: 'file' });
  expect([...read.groups]).toEqual([0, 2, 3]);
  expect([...read.features]).toEqual([1, 2, 3]);
});

it.each([
  ['1 1:1', /:1: there is no qid/],
  ['1 qid:1 1:1\n1 qid:2 1:1\n1 qid:1 1:1', /:3: the rows of qid:1 are not adjacent/],
  ['-1 qid:1 1:1', /:1: the label is -1/],
  ['nan qid:1 1:1', /:1: the label is nan/],
  ['x qid:1 1:1', /:1: label: 'x' is not/],
  ['1 qid:1 1:1 2:0x10', /:1: feature 2: '0x10' is not/],
  ['1 qid:1 1:inf', /:1: feature 1: 'inf' is not/],
  ['1 qid:1 1:1e39', /:1: feature 1: '1e39' is not/],
  ['1 qid:1 1:', /:1: feature 1: '' is not/],
  ['1 qid:1 -1:1', /:1: '-1:1' is not index:value/],
  ['1 qid:1 1', /:1: '1' is not index:value/],
  ['1 qid:1 1:1 1:2', /:1: feature 1 is given twice/],
  ['1 qid:1 2:1 1:2 2:3', /:1: feature 2 is given twice/],
  ['# nothing', /no rows/],
  ['1 qid:1', /no features/],
])('refuses %j by file and line', async (text, message) => {
  await expect(readSvmlight([[file('bad.txt', text)]], { groups: 'qid' })).rejects.toThrow(message);
});

it.each([
  ['1\n', /the sizes come to 1, .* has 2 rows/],
  ['1\n2\n', /:2: the sizes come to 3, .* has 2 rows/],
  ['1\n0\n1\n', /:2: '0' is not a group's size/],
])('refuses the sizes %j', async (sizes, message) => {
  const path = file('sizes.txt', '1 1:1\n0 1:2\n');
  file('sizes.txt.query', sizes);
  await expect(readSvmlight([[path]], { groups: 'file' })).rejects.toThrow(message);
});

it('names a file that is not there', async () => {
  await expect(readSvmlight([[join(folder, 'absent')]], { groups: 'qid' })).rejects.toThrow(/absent: ENOENT/);
  const path = file('alone.txt', '1 1:1\n');
  await expect(readSvmlight([[path]], { groups: 'file' })).rejects.toThrow(/alone\.txt\.query: ENOENT/);
});
