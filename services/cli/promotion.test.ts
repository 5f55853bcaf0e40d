import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { ConfigSource } from '../../common/config.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { fitLogistic, logisticDefaults } from '../../common/models/logistic.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { runCli } from '../../test/support/cli.ts';
import { OneProcess } from '../../test/support/one-process.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { makeTinyHome } from '../../test/support/tiny-home.ts';
import { republished, tinySecondStage } from '../../test/support/tiny-second-stage.ts';
import { promote } from './promotion.ts';

const USERS = 20;
const TIMEOUT_MS = 60_000;
const BOUNDS = '{driftMax: 0.02, churnMax: 0.3}';
/** What is recorded of the latest requests may still be under way. */
const LOGGED = /^\d+ logged requests$/;
const SETTINGS = { MILLRACE__TRAIN__STABILITY__PROMOTION: BOUNDS };

let folder: Awaited<ReturnType<typeof temporaryHome>>;
let store: BundleStore;
/** A home of the same bundles that never answered a request. */
let fresh: string;

/** A ranker of other features, that mean nothing to it. */
async function otherRanker(): Promise<{ ranker: Uint8Array; schema: ReturnType<typeof featureSchema> }> {
  const schema = featureSchema(undefined, { choice: ['retrieval', 'item.positives'] });
  const random = new Random(9);
  const rows = 200;
  const features = Float32Array.from({ length: rows * schema.width }, () => random.normal());
  const labels = Float32Array.from({ length: rows }, () => random.int(2));
  const options = { ...logisticDefaults, epochs: 2, featureSchemaHash: schema.hash };
  const { onnx } = await fitLogistic({ rows, width: schema.width, features, labels }, options);
  return { ranker: onnx, schema };
}

beforeAll(async () => {
  folder = await temporaryHome();
  ({ store } = await makeTinyHome(folder.home));
  const far = await tinySecondStage(1);
  await republished(store, 'tiny-1', { version: 'tiny-near' }, {});
  const skipped = { secondStage: { used: true, stability: { skipped: 'no bundle is live' } } };
  await republished(store, 'tiny-1', { version: 'tiny-far', settings: skipped }, { [Part.secondStage]: far });
  const { ranker, schema } = await otherRanker();
  const features = schema.features.map(({ name, version }) => ({ name, version }));
  await republished(
    store,
    'tiny-1',
    {
      version: 'tiny-other',
      featureSchemaHash: schema.hash,
      settings: { ranking: { sources: schema.sources, features, declared: [] } },
    },
    { [Part.ranker]: ranker },
  );
  const stability = (drift: number) => ({
    ranker: { stability: { teacher: 'tiny-1', drift, 'churn@10': 0.1 } },
  });
  await republished(store, 'tiny-1', { version: 'told-near', settings: stability(0.001) }, {});
  await republished(store, 'tiny-1', { version: 'told-far', settings: stability(0.5) }, {});
  fresh = join(folder.home, 'fresh');
  await cp(join(folder.home, 'bundles'), join(fresh, 'bundles'), { recursive: true });
}, TIMEOUT_MS);
afterAll(() => folder[Symbol.asyncDispose]());

/** Asks for every user and answers which bundles did. */
async function bundlesAnswering(address: string): Promise<Set<string>> {
  const channel = new Channel(address);
  const client = channel.client(contracts.orchestrator);
  const bundles = new Set<string>();
  for (let user = 0; user < USERS; user++)
    bundles.add(
      (await client.recommend(RecommendRequest.fromPartial({ userId: `user-${user}` }), rootCall())).bundle,
    );
  channel.close();
  return bundles;
}

function promoted(home: string, version: string, env: Record<string, string> = SETTINGS) {
  const config = new ConfigSource({ MILLRACE_HOME: home, ...env });
  return promote({ config, log: createLogger('test') }, new BundleStore(join(home, 'bundles')), version);
}

describe('promotion', () => {
  it('refuses a bundle too far from the champion on logged requests, which serves on, and lets a stable one pass', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using serving = await OneProcess.start(folder.home);
    expect(await bundlesAnswering(serving.address)).toEqual(new Set(['tiny-1']));
    for (const version of ['tiny-far', 'tiny-other']) {
      await expect(promoted(folder.home, version)).rejects.toMatchObject({
        reason: 'DRIFT_EXCEEDED',
        message: expect.stringMatching(
          new RegExp(
            `bundle ${version} is not promoted: .* above .* from tiny-1: drift [\\d.]+, churn@10 0\\.\\d+ over \\d+ logged requests`,
          ),
        ),
      });
    }
    expect(await store.live()).toEqual({ champion: 'tiny-1' });
    expect(await bundlesAnswering(serving.address)).toEqual(new Set(['tiny-1']));
    const { drift } = await promoted(folder.home, 'tiny-near');
    expect(drift).toEqual({ drift: 0, churn: 0, over: expect.stringMatching(LOGGED) });
    expect(await store.live()).toEqual({ champion: 'tiny-near', previous: 'tiny-1' });
    await expect
      .poll(() => bundlesAnswering(serving.address), { timeout: 20_000 })
      .toEqual(new Set(['tiny-near']));
  });

  it('goes by what training measured where no request is logged, and else refuses', async () => {
    await expect(promoted(fresh, 'told-far')).rejects.toMatchObject({
      reason: 'DRIFT_EXCEEDED',
      message: expect.stringContaining(
        'drift 0.500, churn@10 0.100 over the validation moments of its training',
      ),
    });
    await expect(promoted(fresh, 'tiny-far')).rejects.toMatchObject({
      reason: 'DRIFT_EXCEEDED',
      message: expect.stringContaining('its drift from tiny-1 cannot be told'),
    });
    expect((await promoted(fresh, 'told-near')).live).toEqual({ champion: 'told-near', previous: 'tiny-1' });
  });

  it('always lets the previous champion back, and bounds nothing that is not configured', async () => {
    expect((await promoted(fresh, 'tiny-1')).live).toEqual({ champion: 'tiny-1', previous: 'told-near' });
    expect((await promoted(fresh, 'told-far', {})).live.champion).toBe('told-far');
  });

  it('is what the command does', async () => {
    process.env.MILLRACE__TRAIN__STABILITY__PROMOTION = BOUNDS;
    try {
      const { code, stderr } = await runCli(['bundles', 'promote', 'tiny-far'], fresh);
      expect([code, stderr]).toEqual([1, expect.stringContaining('bundle tiny-far is not promoted')]);
    } finally {
      delete process.env.MILLRACE__TRAIN__STABILITY__PROMOTION;
    }
  });
});
