import type { Manifest, Part } from '../../common/bundle/manifest.ts';
import type { BundleStore } from '../../common/bundle/store.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { fitSecondStage } from '../../common/models/second-stage.ts';
import { numericColumns } from '../../common/models/second-stage-families.ts';
import { Random } from '../../common/random.ts';

const ROWS = 400;
const schema = featureSchema();

/**
 * A second stage for the tiny bundles' features, ONNX, with the tasks `positive` and `rating`, learnt from rows at random: it says something
 * else of every row, and by another seed something else again.
 */
export async function tinySecondStage(seed: number, featureSchemaHash = schema.hash): Promise<Uint8Array> {
  const random = new Random(seed);
  const { width, columns } = schema;
  const features = Float32Array.from({ length: ROWS * width }, () => 3 * random.normal());
  const direction = Float64Array.from({ length: width }, () => random.normal());
  const scores = Array.from({ length: ROWS }, (_, row) =>
    direction.reduce((sum, weight, i) => sum + weight * features[row * width + i], 0),
  );
  const { onnx } = await fitSecondStage(
    {
      rows: ROWS,
      width,
      features,
      labels: {
        positive: Float32Array.from(scores, (score) => Number(score > 0)),
        rating: Float32Array.from(scores, (score) => 3 + Math.tanh(score)),
      },
    },
    {
      network: { model: 'dcn', dim: 4, crossLayers: 1, hidden: [8], structure: 'parallel' },
      columns: numericColumns(columns),
      tasks: [
        { name: 'positive', kind: 'binary' },
        { name: 'rating', kind: 'squared' },
      ],
      bins: 1,
      crosses: 0,
      seed,
      epochs: 3,
      batchSize: 64,
      learningRate: 0.01,
      l2: 0,
      lookupL2: 0,
      featureSchemaHash,
    },
  );
  return onnx;
}

/** Publishes a bundle again under another version, with some parts and fields of the manifest replaced. */
export async function republished(
  store: BundleStore,
  from: string,
  fields: Partial<Manifest> & Pick<Manifest, 'version'>,
  replaced: Partial<Record<Part, Uint8Array>>,
): Promise<Manifest> {
  const bundle = await store.open(from);
  const { parts, ...manifest } = bundle.manifest;
  const kept: Partial<Record<Part, Uint8Array>> = {};
  for (const part of Object.keys(parts) as Part[]) kept[part] = await bundle.read(part);
  return store.publish({ ...manifest, ...fields }, { ...kept, ...replaced });
}
