import { expect, it } from 'vitest';
import { featureSchema } from '../../common/features/schema.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { Random } from '../../common/random.ts';
import { trainSchema } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { trainRanker } from './ranker.ts';

const schema = featureSchema([]);
const ROWS = 12;

/** Groups of one positive, which the second feature tells apart; negatives stand for four each, as sampled ones do. */
function moments(groups: number, seed: number): GroupedExamples {
  const random = new Random(seed);
  const { width } = schema;
  const rows = groups * ROWS;
  const labels = Float32Array.from({ length: rows }, (_, row) => (row % ROWS === 3 ? 1 : 0));
  const features = Float32Array.from({ length: rows * width }, (_, i) =>
    i % width === 1 ? random.normal() + 3 * labels[Math.floor(i / width)] : random.normal(),
  );
  return {
    rows,
    width,
    features,
    labels,
    weights: labels.map((label) => (label === 1 ? 1 : 4)),
    groups: Uint32Array.from({ length: groups + 1 }, (_, group) => group * ROWS),
  };
}

const examples = { train: moments(150, 1), validation: moments(40, 2), schema };
const none = { skipped: 'no champion' };

it.each(['linear', 'ranknet', 'listnet', 'lambdamart', 'widedeep', 'dcn'] as const)(
  'trains what the configuration names, to probabilities of the schema: %s',
  async (model) => {
    const config = trainSchema.parse({ ranker: { model }, threads: 1 });
    const trained = await trainRanker(examples, config, none, () => {});
    expect(trained.model).toBe(model);
    expect(trained.validation[model]).toBeGreaterThan(0.8);
    await using scorer = await Scorer.open(trained.onnx, { featureSchemaHash: schema.hash });
    // A second-stage network is calibrated on the validation moments, the others on the training rows.
    const calibratedOn = model === 'widedeep' || model === 'dcn' ? examples.validation : examples.train;
    const { features, labels, weights } = calibratedOn;
    const scores = await scorer.run(features);
    let [predicted, observed] = [0, 0];
    scores.forEach((score, row) => {
      expect(score > 0 && score < 1).toBe(true);
      predicted += weights[row] * score;
      observed += weights[row] * labels[row];
    });
    expect(predicted / observed).toBeCloseTo(1, 1);
    const positives = scores.filter((_, row) => labels[row] === 1);
    expect(Math.min(...positives)).toBeLessThan(1);
    const mean = (of: Float32Array) => of.reduce((sum, score) => sum + score, 0) / of.length;
    expect(mean(positives)).toBeGreaterThan(3 * mean(scores));
  },
);

it('refuses to hold near the champion what cannot be', async () => {
  const config = trainSchema.parse({ ranker: { model: 'lambdamart' }, stability: { lambda: 1 } });
  const probabilities = new Float32Array(examples.train.rows).fill(0.1);
  const teacher = { version: 'old', train: probabilities, validation: probabilities };
  await expect(trainRanker(examples, config, teacher, () => {})).rejects.toThrow(
    /ranker\.model: lambdamart takes neither/,
  );
});
