import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Part, Part as PartName } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { Random } from '../../common/random.ts';
import { championTeacher, type ModelDrift, type NoTeacher, openChampion, type Teacher } from './champion.ts';
import { trainSchema } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { trainRanker } from './ranker.ts';
import type { RankerExamples } from './ranker-examples.ts';

const schema = featureSchema(['ials']);
const GROUP_ROWS = 12;

let folder = '';
let store: BundleStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'champion-'));
  store = new BundleStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

/** Groups of one positive each: the row that is best by feature 0, drawn towards feature 1 by `drift`. */
function grouped(groups: number, drift: number, seed: number): GroupedExamples {
  const random = new Random(seed);
  const rows = groups * GROUP_ROWS;
  const { width } = schema;
  const features = Float32Array.from({ length: rows * width }, () => random.normal());
  const labels = new Float32Array(rows);
  for (let group = 0; group < groups; group++) {
    const scores = Array.from({ length: GROUP_ROWS }, (_, i) => {
      const at = (group * GROUP_ROWS + i) * width;
      return features[at] + drift * features[at + 1] + 0.5 * random.normal();
    });
    labels[group * GROUP_ROWS + scores.indexOf(Math.max(...scores))] = 1;
  }
  return {
    rows,
    width,
    features,
    labels,
    weights: new Float32Array(rows).fill(1),
    groups: Uint32Array.from({ length: groups + 1 }, (_, group) => group * GROUP_ROWS),
  };
}

function examples(drift: number, seed: number): RankerExamples {
  return { train: grouped(400, drift, seed), validation: grouped(100, drift, seed + 1), schema };
}

function configured(lambda: number) {
  return trainSchema.parse({ ranker: { model: 'logistic' }, stability: { lambda } });
}

async function publishChampion(parts: Partial<Record<Part, Uint8Array>>, hash = schema.hash): Promise<void> {
  await store.publish(
    {
      version: 'old',
      createdMs: 0,
      parent: '',
      holdout: '',
      featureSchemaHash: hash,
      lineage: 'l',
      catalogueEpoch: 0,
      logOffset: 0,
      metrics: {},
      settings: {},
    },
    parts,
  );
  await store.promote('old');
}

async function stabilityOf(now: RankerExamples, lambda: number, teacher: Teacher | NoTeacher) {
  const { stability } = await trainRanker(now, configured(lambda), teacher, () => {});
  return stability as ModelDrift;
}

describe('the champion as a teacher', () => {
  it('holds the new ranker the nearer the larger lambda is', async () => {
    const before = await trainRanker(examples(0, 1), configured(0), { skipped: 'none' }, () => {});
    await publishChampion({ [PartName.ranker]: before.onnx });
    const now = examples(1.5, 3);
    const teacher = await championTeacher(await openChampion(store), now, PartName.ranker);
    expect(teacher).toMatchObject({ version: 'old' });
    const [free, held, bound] = await Promise.all(
      [0, 1, 20].map((lambda) => stabilityOf(now, lambda, teacher)),
    );
    expect(free).toMatchObject({ teacher: 'old', lambda: 0, distance: 'cross-entropy' });
    for (const measure of ['drift', 'churn@10', 'rboChurn'] as const) {
      expect(held[measure]).toBeLessThan(free[measure]);
      expect(bound[measure]).toBeLessThan(held[measure]);
    }
    expect(bound.tau).toBeGreaterThan(held.tau);
    expect(held.tau).toBeGreaterThan(free.tau);
  });

  it('is none, with the reason, where there is no champion that ranks by the same features', async () => {
    const now = examples(0, 1);
    const skipped = async () =>
      ((await championTeacher(await openChampion(store), now, PartName.ranker)) as NoTeacher).skipped;
    expect(await skipped()).toBe('no bundle is live');
    const { onnx, stability } = await trainRanker(now, configured(1), { skipped: 'why' }, () => {});
    expect(stability).toEqual({ skipped: 'why' });
    await publishChampion({});
    expect(await skipped()).toBe('bundle old has no ranker');
    await rm(join(folder, 'manifests'), { recursive: true });
    await publishChampion({ [PartName.ranker]: onnx }, 'another');
    expect(await skipped()).toBe('bundle old ranks by other features (schema another)');
    const [part] = await readdir(join(folder, 'parts'));
    await writeFile(join(folder, 'parts', part), 'damaged');
    expect(await skipped()).toContain('bundle old: part ranker is not what the manifest says');
  });
});
