import { describe, expect, it } from 'vitest';
import { areaUnderCurve } from '../metrics/classification.ts';
import { Random } from '../random.ts';
import { encodeRow } from './encoded-features.ts';
import { type FeatureColumn, fitFeatureEncoding } from './feature-columns.ts';
import { fitSecondStage } from './second-stage.ts';
import { fitWideEncoding, wideRow } from './wide-features.ts';

const ROWS = 4000;
const COLUMNS: readonly FeatureColumn[] = [
  { kind: 'categorical', name: 'noise', size: 4 },
  { kind: 'categorical', name: 'a', size: 3 },
  { kind: 'numeric', name: 'level' },
  { kind: 'categorical', name: 'b', size: 3 },
];

/** The label is whether `a` and `b` agree: neither says anything alone. */
const random = new Random(2);
const features = new Float32Array(ROWS * COLUMNS.length);
const click = new Float32Array(ROWS);
for (let row = 0; row < ROWS; row++) {
  const [a, b] = [random.int(3), random.int(3)];
  features.set([random.int(4), a, random.next(), b], row * COLUMNS.length);
  click[row] = Number(random.next() < (a === b ? 0.8 : 0.2));
}

describe('the wide part', () => {
  const encoding = fitFeatureEncoding(features, COLUMNS, { bins: 8 });
  const positive = Uint8Array.from(click);

  it('crosses the pair that says something together, within the limit', () => {
    const wide = fitWideEncoding(features, encoding, positive, { crosses: 1, crossCodes: 32 });
    expect(wide.pairs).toEqual([[1, 2]]);
    expect(fitWideEncoding(features, encoding, positive, { crosses: 0, crossCodes: 32 }).pairs).toEqual([]);
  });

  it('gives every category, bin and pair of codes an indicator of its own', () => {
    const wide = fitWideEncoding(features, encoding, positive, { crosses: 1, crossCodes: 32 });
    const ids = (row: readonly number[]) => wideRow(encodeRow(Float32Array.from(row), encoding), wide);
    const seen = new Set(
      [0, 1, 2, 99, Number.NaN].flatMap((a) => [0, 1, 2, 99, Number.NaN].map((b) => ids([0, a, 0.5, b])[4])),
    );
    expect(seen.size).toBe(25);
    expect(Math.max(...seen)).toBe(wide.size - 1);
    expect(ids([0, 1, 0.5, 2])).toHaveLength(5);
    expect(new Set(ids([0, 1, 0.5, 2])).size).toBe(5);
  });

  it('folds rare categories and neighbouring bins together inside crosses', () => {
    const { crossCodes, crossSizes } = fitWideEncoding(features, encoding, positive, {
      crosses: 1,
      crossCodes: 3,
    });
    expect(crossSizes).toEqual([3, 3, 3, 3]);
    expect(Math.max(...crossCodes[0])).toBe(2);
    expect([...crossCodes[3]]).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2]);
  });

  it('lets a linear model learn what it cannot without crosses', async () => {
    const fitted = (crosses: number) =>
      fitSecondStage(
        { rows: ROWS, width: COLUMNS.length, features, labels: { click } },
        {
          network: { model: 'widedeep', dim: 1, hidden: [] },
          columns: COLUMNS,
          tasks: [{ name: 'click', kind: 'binary' }],
          bins: 8,
          crosses,
          seed: 1,
          epochs: 4,
          batchSize: 64,
          learningRate: 0.02,
          l2: 0,
          lookupL2: 1e-4,
        },
      );
    const auc = async (crosses: number) =>
      areaUnderCurve((await fitted(crosses)).reference(features).click, click);
    expect(await auc(0)).toBeLessThan(0.6);
    expect(await auc(1)).toBeGreaterThan(0.75);
  });
});
