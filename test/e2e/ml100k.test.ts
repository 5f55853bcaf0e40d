import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../common/root.ts';
import { runCli } from '../support/cli.ts';

// Leave-one-out: every rating is a positive; the last event by (time, item id as a number) is the test; all items are ranked,
// seen ones masked, ties by ordinal.

const DATA = resolve(projectRoot, process.env.MILLRACE_SHARED ?? '../shared', 'data/ml100k');
const absent = !existsSync(DATA);
const TIMEOUT_MS = 600_000;

type Figures = { 'hr@10': number; 'ndcg@10': number };

describe.skipIf(absent)(
  `MovieLens-100K${absent ? ` (skipped: no ${DATA}; set MILLRACE_SHARED)` : ''}`,
  () => {
    let home = '';
    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'ml100k-'));
    });
    afterAll(() => rm(home, { recursive: true }));

    it('is imported, learnt and measured to the figures of the protocol', {
      timeout: TIMEOUT_MS,
    }, async () => {
      for (const args of [['import', DATA], ['train']]) {
        const { code, stderr } = await runCli(args, home);
        expect([code, stderr]).toEqual([0, '']);
      }
      const { stdout } = await runCli(['evaluate', '--json'], home);
      const lines: ({ model: string } & Figures)[] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const figures = new Map(lines.map((line) => [line.model, line]));
      const of = (model: string): Figures => figures.get(model) as Figures;
      console.log(
        lines.map(({ model, ...values }) => `${model} ${values['hr@10']} ${values['ndcg@10']}`).join('\n'),
      );

      expect(Math.abs(of('popularity')['hr@10'] - 0.0498)).toBeLessThan(0.002);
      expect(Math.abs(of('popularity')['ndcg@10'] - 0.0255)).toBeLessThan(0.002);
      expect(of('ials')['hr@10']).toBeGreaterThanOrEqual(0.095);
      expect(of('ials')['ndcg@10']).toBeGreaterThanOrEqual(0.046);
      const sources = ['popularity', 'ials', 'item-to-item', 'bm25'].map((model) => of(model)['ndcg@10']);
      expect(of('cascade')['ndcg@10']).toBeGreaterThanOrEqual(Math.max(...sources));
      expect(of('cascade-shuffled')['ndcg@10']).toBeLessThan(of('cascade')['ndcg@10']);
    });
  },
);
