import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BM25_VARIANTS } from '../../common/text/bm25-variants.ts';
import { bm25Bench } from './bm25.ts';

const VASWANI = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'data/vaswani');

type Line = Record<'map' | 'ndcg' | 'ndcg@10' | 'p@10', number> & { variant: string; queries: number };

async function lines(...args: string[]): Promise<Line[]> {
  const printed: Line[] = [];
  await bm25Bench.run(args, (line) => printed.push(JSON.parse(line)));
  return printed;
}

const DOCUMENTS = `<DOC>
<DOCNO> a </DOCNO>
<TITLE>red fox</TITLE> jumps
</DOC>
<doc><docno>b</docno>red foxes &c</doc>
<DOC><DOCNO>c</DOCNO></DOC>
<DOC><DOCNO>d</DOCNO>blue whale</DOC>
<DOC><DOCNO>e</DOCNO>blue whale</DOC>
<DOC><DOCNO>f</DOCNO>the grey owl</DOC>`;
const TOPICS = `<top>
<num> Number: 1 </num>
<title> Topic: FOX
<desc> whale
</top>
<top><num>2</num><title>whale</title></top>
<top><num>3</num>owl <desc>the</desc></top>
<top><num>9</num><title>never judged</title></top>`;
const JUDGEMENTS = `1 0 a 1\n1 0 nowhere 1\n\n2 0 d 2\n2 0 e 1\n3 0 f 0\n4 0 a 1\n`;

describe('bench bm25', () => {
  let folder = '';
  const file = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-bm25-'));
    await writeFile(file('docs.gz'), gzipSync(DOCUMENTS));
    await writeFile(file('topics'), TOPICS);
    await writeFile(file('qrels'), JUDGEMENTS);
    await writeFile(file('stop'), "the\nfox's\n");
  });
  afterAll(() => rm(folder, { recursive: true }));
  const run = (...more: string[]): Promise<Line[]> =>
    lines('--docs', file('docs.gz'), '--queries', file('topics'), '--qrels', file('qrels'), ...more);

  it('scores every judged query by the conventions of trec_eval', async () => {
    const all = await run('--stemmer', 'none');
    expect(all.map(({ variant }) => variant)).toEqual(BM25_VARIANTS);
    // 1: `a` of two relevant is first, stemming apart. 2: `e` before `d`, for their scores are equal. 3: nothing is relevant. 4:
    // there is no such query.
    const ndcg = [1 / (1 + 1 / Math.log2(3)), (1 + 2 / Math.log2(3)) / (2 + 1 / Math.log2(3)), 0, 0];
    for (const line of all) {
      expect(line.queries).toBe(4);
      expect(line.map).toBeCloseTo((0.5 + 1) / 4, 12);
      expect(line.ndcg).toBeCloseTo(ndcg.reduce((sum, value) => sum + value, 0) / 4, 12);
      expect(line['ndcg@10']).toBeCloseTo(line.ndcg, 12);
      expect(line['p@10']).toBeCloseTo((0.1 + 0.2) / 4, 12);
    }
  });

  it('stems, and leaves out the words of a file as the tokeniser cuts them', async () => {
    const [stemmed] = await run('--variant', 'lucene');
    expect(stemmed['p@10']).toBeCloseTo(0.3 / 4, 12);
    const [stopped] = await run('--variant', 'lucene', '--stopwords', file('stop'));
    expect(stopped.map).toBeCloseTo(1 / 4, 12);
  });

  it.each([
    ['docs', '<DOC>text</DOC>', 'docs:1: <DOC> without <DOCNO>'],
    ['docs', '<DOC>\n<DOCNO>1</DOCNO>\n<DOC>', 'docs:3: <DOC> inside <DOC>'],
    ['docs', '\n<DOC><DOCNO>1</DOCNO>', 'docs:2: <DOC> is not closed'],
    ['docs', '<DOC><DOCNO>1</DOCNO></DOC>\n<DOC><DOCNO>1</DOCNO></DOC>', 'docs:2: 1 for the second time'],
    ['docs', '', 'docs: no <DOC>'],
    ['queries', '<top><title>x</title></top>', 'queries:1: <top> without <num>'],
    ['qrels', '1 0 a 1\n1 0 a', 'qrels:2: expected topic, iteration, document and a whole grade'],
    ['qrels', '1 0 a 1\n1 0 a 1', 'qrels:2: topic 1 judges document a twice'],
    ['qrels', '7 0 a 1', 'judges no query of'],
  ])('refuses %s of %j', async (part, text, message) => {
    const paths: Record<string, string> = {
      docs: file('docs.gz'),
      queries: file('topics'),
      qrels: file('qrels'),
    };
    paths[part] = join(folder, `bad-${part}`);
    await writeFile(paths[part], text);
    const args = Object.entries(paths).flatMap(([name, path]) => [`--${name}`, path]);
    await expect(lines(...args)).rejects.toThrow(message);
  });

  it('refuses options that do not fit', async () => {
    await expect(lines()).rejects.toThrow('--docs is missing');
    await expect(run('--variant', 'bm26')).rejects.toThrow('is one of lucene robertson atire bm25l bm25+');
    await expect(run('--stopwords', file('none'))).rejects.toThrow('none[.gz]: no such file');
  });
});

describe.skipIf(!existsSync(VASWANI))(`NPL (needs ${VASWANI})`, () => {
  it('has the published quality', async () => {
    const collection = [
      ['--docs', join(VASWANI, 'doc-text.trec.gz')],
      ['--queries', join(VASWANI, 'query-text.trec')],
      ['--qrels', join(VASWANI, 'qrels')],
    ].flat();
    const all = await lines(...collection, '--stopwords', join(VASWANI, 'terrier-stopword-list.txt'));
    const map = new Map(all.map((line) => [line.variant, line.map]));
    expect(map.get('robertson')).toBeGreaterThanOrEqual(0.295);
    expect(map.get('lucene')).toBeGreaterThanOrEqual(0.292);
    const [plain] = await lines(...collection, '--stemmer', 'none', '--variant', 'lucene');
    expect(plain.map).toBeCloseTo(0.211, 3);
    expect(plain.ndcg).toBeCloseTo(0.5199, 3);
  });
});
