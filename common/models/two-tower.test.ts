import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Feeds } from '../onnx/gradient-step.ts';
import { FEATURE_SCHEMA_KEY, readMetadata } from '../onnx/scorer.ts';
import { openSession } from '../onnx/session.ts';
import { Random } from '../random.ts';
import { communities } from './communities.test-world.ts';
import type { FeatureColumn } from './feature-columns.ts';
import { rankHeldOut } from './held-out.ts';
import { interactionMatrix } from './interactions.ts';
import { type TowerRow, VECTOR_OUTPUT } from './tower.ts';
import { fitTwoTower, type SideFeatures, type TwoTowerOptions } from './two-tower.ts';

const base: TwoTowerOptions = {
  kind: 'resnet',
  hidden: [16],
  crossLayers: 2,
  dim: 8,
  featureDim: 4,
  normalised: true,
  userIds: true,
  history: 6,
  unknownShare: 0.2,
  activityExponent: 0.5,
  temperature: 0.2,
  logQ: true,
  epochs: 15,
  batchSize: 128,
  learningRate: 0.02,
  l2: 1e-5,
  measureEvery: 1,
  featureSchemaHash: 'f00d',
};
const COMMUNITIES = 4;
const run = { seed: 1, threads: 1 };
const world = communities(7);
const { rowCount: users, columnCount: items } = world.train;

/** A number and a category that say something of a row's community, one missing for every third row, and one of nothing. */
function sideFeatures(rows: number, seed: number): SideFeatures {
  const random = new Random(seed);
  const columns: FeatureColumn[] = [
    { kind: 'numeric', name: 'half' },
    { kind: 'categorical', name: 'community', size: COMMUNITIES },
    { kind: 'numeric', name: 'noise' },
  ];
  const values = new Float32Array(rows * columns.length);
  for (let row = 0; row < rows; row++) {
    const community = row % COMMUNITIES;
    values.set(
      [row % 3 === 0 ? Number.NaN : 100 * Number(community < 2), community, random.normal()],
      row * columns.length,
    );
  }
  return { columns, values };
}
const features = { user: sideFeatures(users, 1), item: sideFeatures(items, 2) };

function ids(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(Array.from(values, BigInt)), shape);
}

/** A row as the user tower's inputs, its history padded to two more. */
function userFeeds({ id, history, features: values }: TowerRow): Feeds {
  const padded = [...Array.from(history ?? []), 0, 0];
  const mask = Float32Array.from(padded, (_, i) => Number(i < padded.length - 2));
  return {
    ...(id !== undefined && { user_id: ids([id], [1]) }),
    ...(history && {
      user_history: ids(padded, [1, padded.length]),
      user_history_mask: new Tensor('float32', mask, [1, padded.length]),
    }),
    ...(values && { user_features: new Tensor('float32', values, [1, values.length]) }),
  };
}

async function served(model: Uint8Array, feeds: Feeds): Promise<Float32Array> {
  const session = await openSession(model);
  const { [VECTOR_OUTPUT]: vector } = await session.run(feeds);
  await session.release();
  return vector.data as Float32Array;
}

/** Equal to 1e-5 of the vector's length. */
function expectClose(found: Float32Array, expected: Float64Array | Float32Array): void {
  const length = Math.hypot(...expected);
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThan(1e-5 * length);
  });
}

const kinds: readonly [string, Partial<TwoTowerOptions>, boolean][] = [
  ['ResNet towers over ids and histories', {}, false],
  ['MLP towers over ids, histories and features', { kind: 'mlp' }, true],
  [
    'DCN towers over ids and features, inner products',
    { kind: 'dcn', history: 0, normalised: false, temperature: 1 },
    true,
  ],
  ['ResNet towers over histories and features', { userIds: false }, true],
];

describe.each(kinds)('%s', (_, settings, featured) => {
  const options = { ...base, ...settings };
  it('find communities and serve what their float64 reference computes', async () => {
    const model = await fitTwoTower(world.train, options, run, featured ? features : {});
    const [{ recall }] = await rankHeldOut(model, world.train, world.test, [10]);
    expect(recall).toBeGreaterThan(0.6);
    const { offsets, columns } = world.train;
    const width = features.user.columns.length;
    const missing = new Float32Array(width).fill(Number.NaN);
    for (const user of [0, 1, 3]) {
      const row: TowerRow = {
        ...(options.userIds && { id: user }),
        ...(options.history > 0 && { history: columns.subarray(offsets[user], offsets[user + 1]) }),
        ...(featured && { features: features.user.values.slice(user * width, (user + 1) * width) }),
      };
      const vector = await served(model.userTower(), userFeeds(row));
      expectClose(vector, model.user.row(row));
      expectClose(vector, model.userFactors.subarray(user * options.dim, (user + 1) * options.dim));
      if (!featured) continue;
      const blank = { ...row, features: missing };
      expectClose(await served(model.userTower(), userFeeds(blank)), model.user.row(blank));
    }
    const item = { id: 5, ...(featured && { features: missing }) };
    const itemFeeds = {
      item_id: ids([5], [1]),
      ...(featured && { item_features: new Tensor('float32', missing, [1, width]) }),
    };
    expectClose(await served(model.itemTower(), itemFeeds), model.item.row(item));
    expect(readMetadata(model.userTower()).get(FEATURE_SCHEMA_KEY)).toBe('f00d');
  });
});

describe('two towers', () => {
  it('answer for a person whom training did not see, by their history', async () => {
    const model = await fitTwoTower(world.train, base, run);
    for (let community = 0; community < COMMUNITIES; community++) {
      const history = [community, community + COMMUNITIES, community + 2 * COMMUNITIES];
      const vector = await served(model.userTower(), userFeeds({ id: model.unknownUser, history }));
      const score = (item: number) =>
        vector.reduce((sum, value, i) => sum + value * model.itemFactors[item * base.dim + i], 0);
      const best = Array.from({ length: items }, (_, item) => item).sort((a, b) => score(b) - score(a));
      expect(best.slice(0, 8).filter((item) => item % COMMUNITIES === community).length).toBeGreaterThan(4);
    }
  });

  it('are the same files for a seed', async () => {
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        const model = await fitTwoTower(world.train, { ...base, epochs: 2 }, { ...run, seed });
        return Buffer.concat([model.userTower(), model.itemTower()]);
      }),
    );
    expect(first.equals(again)).toBe(true);
    expect(first.equals(other)).toBe(false);
  });

  it('bear users and items without interactions, and histories of one item', async () => {
    const matrix = interactionMatrix(
      { users: Uint32Array.of(0, 0, 2), items: Uint32Array.of(0, 1, 1) },
      4,
      3,
    );
    const model = await fitTwoTower(matrix, { ...base, epochs: 3 }, run);
    const scores = new Float32Array(12);
    await model.scoreUsers(Uint32Array.of(0, 1, 2, 3), scores);
    expect(scores.every((score) => Number.isFinite(score))).toBe(true);
  });
});
