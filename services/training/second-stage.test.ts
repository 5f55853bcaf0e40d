import { describe, expect, it } from 'vitest';
import { featureSchema } from '../../common/features/schema.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { Random } from '../../common/random.ts';
import { trainSchema } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { trainRanker } from './ranker.ts';
import type { RankerExamples } from './ranker-examples.ts';
import { secondStageLine, type TrainedSecondStage, trainSecondStage } from './second-stage.ts';

const schema = featureSchema(['ials']);
const GROUP_ROWS = 30;
const NONE = { skipped: 'no bundle is live' };

/**
 * Moments of one positive each: the row that is best by the product of two features, which a linear model cannot say, beside a third one.
 * What is taken up is rated by the first feature and watched for as long as the second says.
 */
function moments(count: number, seed: number, known: { rating: boolean; watch: boolean }): GroupedExamples {
  const random = new Random(seed);
  const rows = count * GROUP_ROWS;
  const { width } = schema;
  const features = Float32Array.from({ length: rows * width }, () => random.normal());
  const labels = new Float32Array(rows);
  const [watch, rating] = [0, 1].map(() => new Float32Array(rows).fill(Number.NaN));
  for (let group = 0; group < count; group++) {
    const scores = Array.from({ length: GROUP_ROWS }, (_, i) => {
      const at = (group * GROUP_ROWS + i) * width;
      return features[at] * features[at + 1] + features[at + 2] + 0.3 * random.normal();
    });
    const best = group * GROUP_ROWS + scores.indexOf(Math.max(...scores));
    labels[best] = 1;
    if (known.rating) rating[best] = 3 + Math.tanh(features[best * width]);
    if (known.watch) watch[best] = Math.exp(4 + features[best * width + 1]);
  }
  const groups = Uint32Array.from({ length: count + 1 }, (_, group) => group * GROUP_ROWS);
  const weights = new Float32Array(rows).fill(1);
  return { rows, width, features, labels, weights, groups, outcomes: { watch, rating } };
}

function examples(
  known = { rating: true, watch: true },
  counts = { train: 300, validation: 80 },
): RankerExamples {
  return {
    train: moments(counts.train, 1, known),
    validation: moments(counts.validation, 2, known),
    schema,
  };
}

const config = trainSchema.parse({ ranker: { model: 'logistic' }, reranker: { depth: 20 } });

async function trained(of: RankerExamples, change: object = {}, ranker = 'logistic') {
  const settings = { ...config, ...change, ranker: { ...config.ranker, model: ranker } } as typeof config;
  const { onnx } = await trainRanker(of, settings, NONE, () => {});
  return trainSecondStage(of, onnx, settings, NONE, () => {});
}

describe('trainSecondStage', () => {
  it('serves where it ranks the best rows better than ranking does, and predicts what the data tell', async () => {
    const of = examples();
    const second = (await trained(of)) as TrainedSecondStage;
    expect(second).toMatchObject({
      model: 'dcn',
      depth: 20,
      tasks: ['positive', 'watch', 'rating'],
      used: true,
    });
    expect(second.validation.reranked).toBeGreaterThan(1.05 * second.validation.ranking);
    expect(second.stability).toEqual(NONE);
    await using scorer = await Scorer.open(second.onnx, {
      width: schema.width,
      featureSchemaHash: schema.hash,
    });
    const { score, rating, watch } = await scorer.runAll(of.validation.features);
    const mean = (values: Float32Array): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(score)).toBeLessThan(0.2);
    expect(mean(rating)).toBeGreaterThan(2);
    expect(mean(rating)).toBeLessThan(4);
    for (const seconds of watch) expect(seconds).toBeGreaterThan(0);
    expect(secondStageLine({ settings: { secondStage: { ...second } } })).toMatch(
      /^second stage: dcn for positive, watch, rating; NDCG@10 0\.\d{4} on validation, 0\.\d{4} by ranking alone: it serves$/,
    );
  });

  it('is left out where it is not better', async () => {
    const of = examples();
    const teller = { ...of, train: { ...of.train, labels: new Random(3).shuffle(of.train.labels.slice()) } };
    const { onnx } = await trainRanker(of, config, NONE, () => {});
    const second = (await trainSecondStage(teller, onnx, config, NONE, () => {})) as TrainedSecondStage;
    expect(second.used).toBe(false);
    expect(secondStageLine({ settings: { secondStage: { ...second } } })).toMatch(/: left out$/);
  });

  it('learns no task without labels', async () => {
    const second = (await trained(examples({ rating: false, watch: true }))) as TrainedSecondStage;
    expect(second.tasks).toEqual(['positive', 'watch']);
    await using scorer = await Scorer.open(second.onnx);
    expect(scorer.outputs).not.toContain('rating');
  });

  it('says why there is none', async () => {
    const off = await trained(examples(), { reranker: { model: 'off', depth: 100 } });
    expect(off).toEqual({ skipped: 'train.reranker.model is off' });
    const few = await trained(examples(undefined, { train: 60, validation: 5 }));
    expect(few).toEqual({ skipped: 'fewer than 20 moments to validate by' });
    expect(secondStageLine({ settings: { secondStage: few as { skipped: string } } })).toBe(
      'second stage: none, fewer than 20 moments to validate by',
    );
  });
});
