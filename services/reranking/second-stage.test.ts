import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { ConfigSource } from '../../common/config.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { toBytes } from '../../common/onnx/encode.ts';
import { Graph } from '../../common/onnx/graph.ts';
import { log as logarithm, reshape, slice } from '../../common/onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, schemaMetadata } from '../../common/onnx/scorer.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import { encodeUser } from '../../common/user-state.ts';
import { DegradedReason, RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { makeTinyBundle, type TinyBundle } from '../../test/support/tiny-bundle.ts';
import { TinyFeatures } from '../../test/support/tiny-features.ts';
import { republished, tinySecondStage } from '../../test/support/tiny-second-stage.ts';
import { tinyUser } from '../../test/support/tiny-world.ts';
import { createReranking } from './server.ts';

const DEPTH = 30;
const COUNT = 80;
const settings = { secondStage: { depth: DEPTH } };

let folder: Awaited<ReturnType<typeof temporaryHome>>;
let world: TinyBundle;

beforeAll(async () => {
  folder = await temporaryHome();
  world = await makeTinyBundle(folder.home);
  const [first, second] = [await tinySecondStage(1), await tinySecondStage(2)];
  const { featureSchemaHash } = world.manifest;
  const publish = (version: string, model: Uint8Array, parent = '') =>
    republished(world.store, 'tiny-1', { version, parent, settings }, { [Part.secondStage]: model });
  await publish('heavy-1', first);
  await publish('heavy-2', second, 'heavy-1');
  await publish('heavy-same', first, 'heavy-1');
  await publish('heavy-orphan', first, 'gone');
  await publish('heavy-broken', notFinite(featureSchemaHash), 'heavy-1');
  await publish('heavy-other', await tinySecondStage(1, 'another schema'));
});
afterAll(() => folder[Symbol.asyncDispose]());

/** A model whose scores are not finite. */
function notFinite(featureSchemaHash: string): Uint8Array {
  const graph = new Graph();
  const { width } = featureSchema();
  const features = graph.input(FEATURES_INPUT, ['N', width]);
  const column = reshape(slice(features, 1, 0, 1), ['N']);
  const outputs = { [SCORE_OUTPUT]: logarithm(column, SCORE_OUTPUT) };
  return toBytes(graph, { outputs, parameters: 'initialisers', metadata: schemaMetadata(featureSchemaHash) });
}

/** The service with some bundles loaded, following counters, and how it answers a request about ranked candidates. */
async function serving(versions: readonly string[], env: Record<string, string> = {}) {
  const log = createLogger('test');
  const config = new ConfigSource({
    MILLRACE_HOME: folder.home,
    MILLRACE__RERANKING__WEIGHTS: '{relevance: 1}',
    MILLRACE__RERANKING__DRIFT_SHARE: '0',
    ...env,
  });
  const features = new TinyFeatures(world.catalogue);
  const replica = new CatalogueReplica({ features, watcher: 'test', log });
  const { implementation, stage, close } = await createReranking({ config, log }, { features }, replica);
  for (const version of versions) await stage.loadBundle({ version }, rootCall());
  const user = encodeUser(tinyUser(world, 3));
  const ask = async (
    bundle: string,
    { requestId = 'r', limit = COUNT }: { requestId?: string; limit?: number } = {},
  ) => {
    const context = RequestContext.fromPartial({ requestId, bundle, timeMs: world.nowMs, userState: user });
    const { candidates, status } = await implementation.rerank(
      { context, candidates: ranked(), limit, policy: '' },
      rootCall(),
    );
    return { slate: candidates, degraded: status?.degraded ?? [] };
  };
  return {
    ask,
    stage,
    [Symbol.asyncDispose]: async () => {
      await close();
      await replica.stop();
    },
  };
}

/** Candidates from the best by ranking down, their order unrelated to their ordinals. */
function ranked(): Candidates {
  const items = Uint32Array.from({ length: COUNT }, (_, row) => (row * 37) % 100);
  return new Candidates(
    items,
    new Map([
      [Columns.rrf, Float32Array.from(items, (_, row) => 1 / (60 + row))],
      [Columns.ranking, Float32Array.from(items, (_, row) => 0.9 - row / 100)],
    ]),
  );
}

const valuesOf = ({ columns }: Candidates, name: string): number[] => [...(columns.get(name) ?? [])];

describe('the second stage', () => {
  it('orders the best rows of ranking by its scores; the rest keep their order below', async () => {
    await using service = await serving(['heavy-1']);
    const { slate, degraded } = await service.ask('heavy-1');
    const { items } = ranked();
    const best = [...items.subarray(0, DEPTH)];
    expect(new Set(slate.items.subarray(0, DEPTH))).toEqual(new Set(best));
    expect([...slate.items.subarray(0, DEPTH)]).not.toEqual(best);
    expect([...slate.items.subarray(DEPTH)]).toEqual([...items.subarray(DEPTH)]);
    const scores = valuesOf(slate, Columns.second);
    expect(scores.slice(0, DEPTH)).toEqual(scores.slice(0, DEPTH).sort((a, b) => b - a));
    for (const score of scores.slice(0, DEPTH)) {
      expect(score).toBeGreaterThan(0);
      expect(score).toBeLessThan(1);
    }
    expect(degraded).toEqual([DegradedReason.DEGRADED_REASON_FEATURES_FAILED]);
  });

  it('says which items it scored, and has no column for what it does not predict', async () => {
    await using service = await serving(['heavy-1']);
    const { slate } = await service.ask('heavy-1');
    const places = Array.from({ length: COUNT }, (_, place) => (place < DEPTH ? place + 1 : 0));
    expect(valuesOf(slate, Columns.secondRank)).toEqual(places);
    for (const rating of valuesOf(slate, Columns.rating).slice(0, DEPTH)) {
      expect(rating).toBeGreaterThan(1.5);
      expect(rating).toBeLessThan(4.5);
    }
    expect(slate.columns.has(Columns.watch)).toBe(false);
    expect((await service.stage.describe({}, rootCall())).givesColumns).toEqual(
      expect.arrayContaining([Columns.secondRank, Columns.second, Columns.rating]),
    );
  });

  it('leaves ranking’s order and says so where the model fails', async () => {
    await using service = await serving(['heavy-broken']);
    const { slate, degraded } = await service.ask('heavy-broken');
    expect([...slate.items]).toEqual([...ranked().items]);
    expect(degraded).toEqual([DegradedReason.DEGRADED_REASON_MODEL_FAILED]);
    expect(slate.columns.has(Columns.second)).toBe(false);
  });

  it('needs the user state only where a bundle has one, and can be switched off', async () => {
    const needs = async (versions: string[], env?: Record<string, string>): Promise<boolean> => {
      await using service = await serving(versions, env);
      return (await service.stage.describe({}, rootCall())).needsUserState;
    };
    expect(await needs(['tiny-1'])).toBe(false);
    expect(await needs(['tiny-1', 'heavy-1'])).toBe(true);
    const off = { MILLRACE__RERANKING__SECOND_STAGE: 'false' };
    expect(await needs(['heavy-1'], off)).toBe(false);
    await using service = await serving(['heavy-1'], off);
    const { slate, degraded } = await service.ask('heavy-1');
    expect([...slate.items]).toEqual([...ranked().items]);
    expect(degraded).toEqual([]);
  });

  it('is refused with its bundle where it was trained on other features', async () => {
    await using service = await serving(['heavy-1']);
    const loading = service.stage.loadBundle({ version: 'heavy-other' }, rootCall());
    await expect(loading).rejects.toMatchObject({
      reason: 'BUNDLE_DAMAGED',
      message: expect.stringMatching(/heavy-other: part second-stage: .*another schema/),
    });
  });
});

describe('drift from the teacher', () => {
  async function figures(bundle: string): Promise<{ samples: number; drift: number; churn: number }> {
    const drift = await metrics.scoreDrift.get();
    const churn = await metrics.scoreChurn.get();
    const value = (
      name: string,
      { values }: { values: { metricName?: string; labels: object; value: number }[] },
    ) =>
      values
        .filter(({ metricName, labels }) => metricName === name && Object.values(labels).includes(bundle))
        .reduce((sum, { value: one }) => sum + one, 0);
    return {
      samples: value('millrace_score_drift_count', drift as never),
      drift: value('millrace_score_drift_sum', drift as never),
      churn: value('millrace_score_churn_ratio_sum', churn as never),
    };
  }

  it('is exported for the sampled requests where the parent is loaded: none from itself, some from another model', async () => {
    await using service = await serving(
      ['heavy-1', 'heavy-2', 'heavy-same', 'heavy-orphan', 'heavy-broken'],
      {
        MILLRACE__RERANKING__DRIFT_SHARE: '1',
      },
    );
    for (const bundle of ['heavy-2', 'heavy-same', 'heavy-orphan', 'heavy-broken', 'heavy-1'])
      for (let n = 0; n < 3; n++) await service.ask(bundle, { requestId: `${n}` });
    await expect.poll(() => figures('heavy-2').then(({ samples }) => samples)).toBe(3);
    await expect.poll(() => figures('heavy-same').then(({ samples }) => samples)).toBe(3);
    expect(await figures('heavy-same')).toEqual({ samples: 3, drift: 0, churn: expect.closeTo(0) });
    const moved = await figures('heavy-2');
    expect(moved.drift).toBeGreaterThan(0.01);
    expect(moved.churn).toBeGreaterThan(0.1);
    for (const bundle of ['heavy-orphan', 'heavy-broken', 'heavy-1'])
      expect((await figures(bundle)).samples).toBe(0);
  });

  it('is measured on a share of the requests that follows from their ids', async () => {
    await using service = await serving(['heavy-1', 'heavy-2'], { MILLRACE__RERANKING__DRIFT_SHARE: '0.25' });
    const before = (await figures('heavy-2')).samples;
    for (let n = 0; n < 200; n++) await service.ask('heavy-2', { requestId: `sampled-${n}`, limit: 1 });
    await new Promise(setImmediate);
    await expect.poll(() => figures('heavy-2').then(({ samples }) => samples - before)).toBeGreaterThan(25);
    expect((await figures('heavy-2')).samples - before).toBeLessThan(80);
  });
});
