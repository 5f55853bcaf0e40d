import { expect, it } from 'vitest';
import { FEATURE_SCHEMA_KEY, Scorer } from '../onnx/scorer.ts';
import { Random } from '../random.ts';
import type { Examples } from './examples.ts';
import { asTask, chooseSecondStage, numericColumns, SECOND_STAGE_NAMES } from './second-stage-families.ts';

const GROUP = 10;

/** Groups of ten rows with one positive, which has the largest sum of two features; the others stand for two rows each. */
function rankerWorld(groups: number, seed: number): Examples {
  const random = new Random(seed);
  const rows = groups * GROUP;
  const features = Float32Array.from({ length: rows * 3 }, (_, i) =>
    i % 3 === 2 ? Number.NaN : random.normal(),
  );
  const labels = new Float32Array(rows);
  const sum = (row: number) => features[row * 3] + features[row * 3 + 1];
  for (let start = 0; start < rows; start += GROUP) {
    let best = start;
    for (let row = start; row < start + GROUP; row++) if (sum(row) > sum(best)) best = row;
    labels[best] = 1;
  }
  return { rows, width: 3, features, labels, weights: labels.map((label) => 2 - label) };
}

/** Share of groups whose positive scores best. */
function hitRate(scores: Float32Array, { rows, labels }: Examples): number {
  let hits = 0;
  for (let start = 0; start < rows; start += GROUP) {
    const group = scores.subarray(start, start + GROUP);
    hits += labels[start + group.indexOf(Math.max(...group))];
  }
  return (hits * GROUP) / rows;
}

it.each(SECOND_STAGE_NAMES)('%s ranks groups, its settings chosen by a ranking metric', async (name) => {
  const train = rankerWorld(120, 1);
  const valid = rankerWorld(60, 2);
  const test = rankerWorld(100, 3);
  const { model, merits, settings } = await chooseSecondStage(
    name,
    asTask(train, 'positive'),
    { examples: asTask(valid, 'positive'), metric: (raw) => hitRate(raw, valid) },
    {
      columns: numericColumns(['a', 'b', 'never']),
      tasks: [{ name: 'positive', kind: 'binary' }],
      seed: 1,
      featureSchemaHash: 'f00d',
    },
  );
  expect(settings.network.model).toBe(name);
  await using scorer = await Scorer.open(model.onnx, { width: 3, featureSchemaHash: 'f00d' });
  expect(scorer.metadata.get(FEATURE_SCHEMA_KEY)).toBe('f00d');
  expect(hitRate(await scorer.run(valid.features), valid)).toBe(Math.max(...merits));
  expect(hitRate(await scorer.run(test.features), test)).toBeGreaterThan(0.7);
});
