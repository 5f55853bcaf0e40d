import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../common/random.ts';
import { modelsBench } from './models.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder of the given parts; undefined ones are absent. */
function split(parts: { train?: string; valid?: string; test?: string }): string {
  const folder = mkdtempSync(join(root, 'split-'));
  for (const [name, text] of Object.entries(parts)) writeFileSync(join(folder, `${name}.txt`), text);
  return folder;
}

async function figures(folder: string, model: string): Promise<Record<string, number>> {
  const lines: string[] = [];
  await modelsBench.run(['--data', folder, '--model', model], (line) => lines.push(line));
  return JSON.parse(lines[0]);
}

/** Two tastes, string ids; users `new*` occur in the test part only, item `unseen` is nobody's in train. */
function awkward(): Record<'train' | 'valid' | 'test', string> {
  const random = new Random(3);
  const lines = { train: [''], valid: [''], test: [''] };
  for (let user = 0; user < 60; user++) {
    const taste = user % 2 === 0 ? 'tea' : 'coffee';
    const items = random.shuffle(Array.from({ length: 12 }, (_, i) => `${taste}-${i}`));
    lines.train.push(`ann_${user}\t${items.slice(0, 6).join('  ')}`);
    if (user < 30) lines.valid.push(`ann_${user} ${items.slice(6, 9).join(' ')}`);
    if (user > 3) lines.test.push(`ann_${user} ${items.slice(9).join(' ')}\r`);
  }
  lines.train.push('hermit', 'ann_1 coffee-1 coffee-1', 'ann_1 coffee-1', 'once tea-2', '');
  lines.test.push('new_1 tea-1 unseen', 'new_2', 'new_3 coffee-1 coffee-2');
  return { train: lines.train.join('\n'), valid: lines.valid.join('\n'), test: lines.test.join('\n') };
}

describe('bench models', () => {
  it.each(['itemknn', 'bprmf', 'lightgcn'])('%s bears an awkward split', async (model) => {
    const folder = split(awkward());
    const found = await figures(folder, model);
    const popular = await figures(folder, 'popularity');
    expect(found['recall@10']).toBeGreaterThan(popular['recall@10'] + 0.1);
    expect(found['recall@10']).toBeLessThanOrEqual(found['recall@20']);
    expect(found['recall@40']).toBeGreaterThan(0.98);
  });

  it('takes the default settings where nothing is held out', async () => {
    const found = await figures(split({ ...awkward(), valid: '' }), 'lightgcn');
    expect(found['recall@10']).toBeGreaterThan(0.8);
    expect(found.validation).toEqual([]);
  });

  it('counts every user that has test items, and new ones by the popular list', async () => {
    const found = await figures(
      split({ train: 'a 1 2 3\nb 1 2\nc 1', valid: '', test: 'a 4\nnew 1 2\nb 3' }),
      'popularity',
    );
    expect(found['recall@10']).toBe(1);
    const gain = (rank: number) => 1 / Math.log2(rank + 1);
    expect(found['ndcg@10']).toBeCloseTo((gain(1) + 1 + gain(1)) / 3, 6);
  });

  it('names the file that is absent, empty or damaged, and the option that is wrong', async () => {
    const { train, valid, test } = awkward();
    await expect(figures(split({ train, test }), 'popularity')).rejects.toThrow(
      /valid\.txt\[\.gz\]: no such file/,
    );
    await expect(figures(split({ train: 'a\nb\n', valid, test }), 'popularity')).rejects.toThrow(
      /train\.txt: no interactions/,
    );
    await expect(figures(split({ train, valid, test: '\n' }), 'popularity')).rejects.toThrow(
      /test\.txt: no interactions/,
    );
    const damaged = split({ valid, test });
    writeFileSync(join(damaged, 'train.txt.gz'), gzipSync(train).subarray(0, 40));
    await expect(figures(damaged, 'popularity')).rejects.toThrow(/train\.txt\.gz: /);
    await expect(figures(damaged, 'nonesuch')).rejects.toThrow(/--model: there is no 'nonesuch'/);
    await expect(modelsBench.run(['--seed', '1'], () => {})).rejects.toThrow('--data is missing');
  });
});
