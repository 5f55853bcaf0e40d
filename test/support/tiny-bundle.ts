import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HnswIndex } from '../../common/ann/hnsw.ts';
import { VectorTable } from '../../common/ann/vectors.ts';
import { type Manifest, Part } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { bytesOf } from '../../common/columns.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { Vectoriser } from '../../common/features/vectoriser.ts';
import type { Examples } from '../../common/models/examples.ts';
import { encodeIals, fitIals, ialsDefaults } from '../../common/models/ials.ts';
import { interactionMatrix } from '../../common/models/interactions.ts';
import { encodeItemToItem, fitItemToItem } from '../../common/models/item-to-item.ts';
import { fitLogistic, logisticDefaults } from '../../common/models/logistic.ts';
import { encodePopularity, fitPopularity } from '../../common/models/popularity.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { itemTexts } from '../../common/text/item-text.ts';
import { buildPostings, encodePostings } from '../../common/text/postings.ts';
import { createTokeniser } from '../../common/text/tokenise.ts';
import { candidatesSchema } from '../../services/candidates/config.ts';
import { openSources } from '../../services/candidates/sources/table.ts';
import { RetrieveStage } from '../../services/candidates/stage.ts';
import { makeTinyWorld, type TinyWorld, type TinyWorldOptions, tinyUser } from './tiny-world.ts';

export interface TinyBundleOptions extends Partial<TinyWorldOptions> {
  /** Default `tiny-1`. */
  readonly version?: string;
  /** The bundle's log offset and its counters' version. Default 0. */
  readonly logOffset?: number;
  /** Width of the iALS vectors. Default 16. */
  readonly dim?: number;
  /** Default: one made of `users`, `items` and `seed`. */
  readonly world?: TinyWorld;
}

export interface TinyBundle extends TinyWorld {
  readonly store: BundleStore;
  readonly manifest: Manifest;
}

type Parts = Partial<Record<Part, Uint8Array>>;

/**
 * Trains everything on a small seeded world (default 60 users, 100 items, seed 1), publishes it with all parts under
 * `home`/bundles and makes it the champion. The ranker's examples are each user's last event against what retrieval,
 * which has learnt from that event too, finds beside it: good enough to rank, not to be measured.
 */
export async function makeTinyBundle(home: string, options: TinyBundleOptions = {}): Promise<TinyBundle> {
  const { users = 60, items = 100, seed = 1, version = 'tiny-1', logOffset = 0, dim = 16 } = options;
  const world = options.world ?? makeTinyWorld({ users, items, seed });
  const manifest = {
    version,
    createdMs: world.nowMs,
    parent: '',
    holdout: '',
    featureSchemaHash: schema.hash,
    lineage: world.catalogue.lineage,
    catalogueEpoch: world.catalogue.epoch,
    logOffset,
    metrics: {},
    settings: {},
  };
  const counters = countersOf(world, logOffset);
  const parts = { ...(await retrievalParts(world, dim, seed)), [Part.counters]: counters.serialise() };
  parts[Part.ranker] = await trainedRanker(world, counters, manifest, parts);
  const store = new BundleStore(join(home, 'bundles'));
  const published = await store.publish(manifest, parts);
  await store.promote(version);
  return { ...world, store, manifest: published };
}

function countersOf({ interactions, catalogue }: TinyWorld, version: number): ItemCounters {
  const positive = new Float32Array(catalogue.size);
  for (const item of interactions.items) positive[item]++;
  const impression = positive.map((count) => 5 * count + 10);
  return new ItemCounters(version, { positive, impression, click: positive });
}

async function retrievalParts(
  { interactions, userCount, catalogue }: TinyWorld,
  dim: number,
  seed: number,
): Promise<Parts> {
  const matrix = interactionMatrix(interactions, userCount, catalogue.size);
  const ials = fitIals(matrix, { ...ialsDefaults, dim, seed });
  const vectors = new VectorTable(ials.itemFactors as Float32Array<ArrayBuffer>, dim, 'ip');
  const popularity = fitPopularity(matrix);
  const tokeniser = createTokeniser({ stemmer: 'porter', stopwords: 'english' });
  return {
    [Part.catalogue]: catalogue.serialise(),
    ials: encodeIals(ials),
    'ials-index': await HnswIndex.build(vectors).toBytes(),
    'item-to-item': encodeItemToItem(fitItemToItem(matrix)),
    [Part.popularity]: encodePopularity(popularity),
    [Part.bm25]: encodePostings(buildPostings(itemTexts(catalogue), tokeniser)),
    [Part.fallback]: bytesOf(popularity.order.slice(0, 50)),
  };
}

/** Retrieves from a draft of the bundle, so that the ranker learns from what it will be given. */
async function trainedRanker(
  world: TinyWorld,
  counters: ItemCounters,
  manifest: Parameters<BundleStore['publish']>[0],
  parts: Parts,
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-draft-'));
  try {
    const draft = new BundleStore(folder);
    await draft.publish(manifest, parts);
    const bundle = await draft.open(manifest.version);
    const config = candidatesSchema.parse({});
    const { catalogue } = world;
    const stage = new RetrieveStage(
      await openSources({ bundle, catalogue, counters: noLiveCounters, config }),
      catalogue,
    );
    const examples = await rankerExamples(world, counters, stage);
    stage.close();
    const { onnx } = await fitLogistic(examples, {
      ...logisticDefaults,
      epochs: 5,
      featureSchemaHash: schema.hash,
    });
    return onnx;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const noLiveCounters = { current: undefined, onVersion: () => () => {} };
const schema = featureSchema();
const NEGATIVES_PER_USER = 20;

async function rankerExamples(
  world: TinyWorld,
  counters: ItemCounters,
  stage: RetrieveStage,
): Promise<Examples> {
  const columns = new ItemColumns(world.catalogue);
  const vectoriser = new Vectoriser(columns, schema);
  const { width } = schema;
  const matrices: Float32Array[] = [];
  const labels: number[] = [];
  for (let row = 0; row < world.userCount; row++) {
    const { items, timesMs } = tinyUser(world, row);
    const timeMs = timesMs[timesMs.length - 1];
    const target = items[items.length - 1];
    const user = tinyUser(world, row, timeMs);
    const { candidates } = await stage.retrieve(
      { user, seeds: undefined, timeMs, limit: 500, names: [], quality: 1 },
      rootCall(),
    );
    const rows = [...candidates.items.keys()].filter(
      (at) => candidates.items[at] === target || at % Math.ceil(candidates.count / NEGATIVES_PER_USER) === 0,
    );
    const sample = candidates.take(rows);
    matrices.push(vectoriser.vectorise({ candidates: sample, user, timeMs, counters }));
    for (const item of sample.items) labels.push(item === target ? 1 : 0);
  }
  columns.close();
  const features = new Float32Array(labels.length * width);
  let at = 0;
  for (const matrix of matrices) {
    features.set(matrix, at);
    at += matrix.length;
  }
  return { rows: labels.length, width, features, labels: Float32Array.from(labels) };
}
