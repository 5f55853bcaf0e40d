import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { learntSources, modelPart } from '../../common/bundle/learnt-sources.ts';
import { type Manifest, Part } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { u32Of } from '../../common/columns.ts';
import { ConfigSource } from '../../common/config.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { schemaOfBundle } from '../../common/features/schema.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { Roller } from '../../common/lake/roller.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { Random } from '../../common/random.ts';
import type { Environment } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { runCli } from '../../test/support/cli.ts';
import { trainSchema } from '../training/config.ts';
import { evaluate } from './evaluate.ts';
import { importFiles } from './import.ts';
import { metricsOf } from './offline/composition.ts';
import { trainAndPublish } from './train.ts';

const TIMEOUT_MS = 400_000;
const USERS = 120;
const ITEMS = 90;
const GROUPS = 3;
const PER_USER = 14;

let home = '';
let store: BundleStore;
let environment: Environment;

/** People of three tastes, each with items of their own and a few of everybody's. */
async function writeWorld(folder: string): Promise<void> {
  const random = new Random(5);
  const rows = ['user_id:token\titem_id:token\trating:float\ttimestamp:float'];
  for (let user = 0; user < USERS; user++) {
    const taken = new Set<number>();
    while (taken.size < PER_USER) {
      const own = random.next() < 0.9;
      const item = own ? (user % GROUPS) + GROUPS * random.int(ITEMS / GROUPS) : random.int(ITEMS);
      if (taken.has(item)) continue;
      taken.add(item);
      rows.push(`u${user}\ti${item}\t4\t${1_000_000 + taken.size * 1_000 + user}`);
    }
  }
  const items = Array.from({ length: ITEMS }, (_, item) => `i${item}\tFilm ${item}\tgenre${item % GROUPS}`);
  await writeFile(join(folder, 'tiny.inter'), rows.join('\n'));
  await writeFile(
    join(folder, 'tiny.item'),
    ['item_id:token\ttitle:token_seq\tclass:token_seq', ...items].join('\n'),
  );
}

const train = (as?: 'champion' | 'challenger' | 'none'): Promise<Manifest> =>
  trainAndPublish(environment, trainSchema.parse({}), () => {}, as);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli-train-'));
  environment = { config: new ConfigSource({ MILLRACE_HOME: home }), log: createLogger('test') };
  store = new BundleStore(join(home, 'bundles'));
  const folder = join(home, 'tiny');
  await mkdir(folder);
  await writeWorld(folder);
  await importFiles(folder, {}, home);
});
afterAll(() => rm(home, { recursive: true }));

describe('trainAndPublish', () => {
  it('learns popularity and item-to-item from private counts, and the manifest says what it promises', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const config = trainSchema.parse({
      privacy: { epsilon: 2, itemsMax: 40 },
      ranker: { model: 'logistic' },
    });
    const { settings, metrics } = await trainAndPublish(environment, config, () => {}, 'none');
    expect(settings.privacy).toMatchObject({ epsilon: 2, delta: 1e-6, unit: 'user', bundles: 2 });
    expect(settings.privacy.private).toEqual(
      expect.arrayContaining(['popularity', 'item-to-item', 'fallback']),
    );
    expect(settings.privacy.exact).toEqual(expect.arrayContaining(['ials', 'counters', 'ranker']));
    expect(settings.privacy.exact).not.toContain('catalogue');
    expect(metrics.popularity['ndcg@10']).toBeGreaterThan(0);
  });

  it(
    'learns the same from the lake as from the log, and measures it there',
    async () => {
      {
        await using log = await SegmentLog.openReadOnly(join(home, 'log'));
        await using roller = await Roller.open(lakeConfig(environment.config));
        await roller.roll(log);
      }
      const config = {
        candidates: ['item_to_item'],
        ranker: { model: 'linear' },
        decay: { halfLifeDays: 3 },
      };
      const trained = async (source: 'log' | 'lake'): Promise<Manifest> =>
        trainAndPublish(environment, trainSchema.parse({ ...config, source }), () => {}, 'none');
      const [fromLog, fromLake] = [await trained('log'), await trained('lake')];
      expect([fromLake.parts, fromLake.metrics]).toEqual([fromLog.parts, fromLog.metrics]);
      expect(fromLake.settings.train).toMatchObject({ source: 'lake' });
      const measured = await evaluate(environment, { bundle: fromLake.version });
      expect(metricsOf(measured.models).cascade['ndcg@10']).toBe(fromLog.metrics.cascade['ndcg@10']);
      expect((await runCli(['evaluate', '--from', 'moon'], home)).stderr).toContain('log, lake');
    },
    TIMEOUT_MS,
  );

  it(
    'trains and measures without a model that has vectors',
    async () => {
      const config = trainSchema.parse({ candidates: ['item_to_item'], ranker: { model: 'linear' } });
      const { parts, metrics } = await trainAndPublish(environment, config, () => {}, 'none');
      expect(Object.keys(parts)).not.toContain('ials');
      expect(metrics.cascade['ndcg@10']).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'fits the encodings of the features that are chosen, serves by them, and takes over the champion’s where told to',
    async () => {
      const declared = { name: 'item.title', entity: 'item', attribute: 'categories', type: 'set' };
      const own = { ...declared, encoding: { kind: 'multi-hot', max: 3 }, owner: 'test' };
      const config = new ConfigSource({
        MILLRACE_HOME: home,
        MILLRACE__FEATURES__DECLARED: JSON.stringify([own]),
      });
      const ranker = { model: 'linear', features: ['all'] };
      const settings = { candidates: ['item_to_item'], ranker, reranker: { model: 'off' } };
      const trained = async (more: object): Promise<Manifest> =>
        trainAndPublish(
          { ...environment, config },
          trainSchema.parse({ ...settings, ranker: { ...ranker, ...more } }),
          () => {},
          'champion',
        );
      const first = await trained({});
      const bundle = await store.open(first.version);
      const schema = await schemaOfBundle(bundle);
      expect(schema.hash).toBe(first.featureSchemaHash);
      expect(schema.columns).toContain('item.title=other');
      expect(schema.encoders.size).toBeGreaterThan(5);
      expect(schema.encoders.get('item.text')?.words.length).toBeGreaterThan(0);
      const again = await trained({ encoders: 'champion' });
      expect(again.featureSchemaHash).toBe(first.featureSchemaHash);
      expect(again.settings.ranker.stability).toMatchObject({ teacher: first.version });
      await rm(join(home, 'bundles', 'live.json'));
    },
    TIMEOUT_MS,
  );

  it(
    'publishes a whole bundle, makes it champion, and learns the same parts from the same log',
    async () => {
      const first = await train();
      expect((await store.live())?.champion).toBe(first.version);
      await expectWhole(first);
      const again = await train('challenger');
      expect(again.parts).toEqual(first.parts);
      expect(again.metrics).toEqual(first.metrics);
      expect(first.settings.ranker.stability).toEqual({ skipped: 'no bundle is live' });
      const unchanged = { teacher: first.version, 'churn@10': 0, rboChurn: expect.closeTo(0), tau: 1 };
      expect(again.settings.ranker.stability).toMatchObject(unchanged);
      expect(again.version > first.version).toBe(true);
      expect(await store.live()).toEqual({ champion: first.version, challenger: again.version });
    },
    TIMEOUT_MS,
  );

  it(
    'learns every source that is configured, each better than popularity, and the ranker sees all of them',
    async () => {
      const config = trainSchema.parse({ candidates: learntSources, reranker: { model: 'off' } });
      const manifest = await trainAndPublish(environment, config, () => {}, 'none');
      const bundle = await new BundleStore(join(home, 'bundles')).open(manifest.version);
      expect((await schemaOfBundle(bundle)).sources).toEqual([...learntSources, 'bm25', 'popularity']);
      for (const source of learntSources) {
        const { 'ndcg@10': ndcg } = manifest.metrics[source.replaceAll('_', '-')];
        expect(ndcg, source).toBeGreaterThan(manifest.metrics.popularity['ndcg@10']);
        expect(manifest.parts).toHaveProperty(modelPart(source));
        expect(manifest.settings.candidates).toHaveProperty(source);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'is measured again, to the same figures, by evaluate',
    async () => {
      const { metrics } = await store.manifest((await store.live())?.champion ?? '');
      expect(metricsOf((await evaluate(environment)).models)).toEqual(metrics);
      const [cascade, shuffled, popularity] = ['cascade', 'cascade-shuffled', 'popularity'].map(
        (model) => metrics[model]['ndcg@10'],
      );
      expect(cascade).toBeGreaterThan(shuffled);
      expect(cascade).toBeGreaterThan(popularity);
    },
    TIMEOUT_MS,
  );

  it(
    'holds out by the configured split, and evaluate by that of the bundle',
    async () => {
      const config = trainSchema.parse({
        evaluation: { split: { time: 0.2 } },
        tuning: { enabled: false },
        ranker: { model: 'logistic', usersMax: 20 },
      });
      const { version, metrics } = await trainAndPublish(environment, config, () => {}, 'none');
      const { split, models } = await evaluate(environment, { bundle: version });
      expect(split).toBe('time:0.2');
      expect(metricsOf(models)).toEqual(metrics);
      const { cascade } = metrics;
      expect(cascade['recall@10']).toBeLessThan(cascade['hr@10']);
      expect(cascade['hr@10']).toBeLessThan(10 * cascade['precision@10']);
      expect(cascade['ndcg@10-low']).toBeLessThan(cascade['ndcg@10']);
      expect(cascade['ndcg@10']).toBeLessThan(cascade['ndcg@10-high']);
    },
    TIMEOUT_MS,
  );

  it(
    'is measured at another length and compared by the command',
    async () => {
      const { code, stdout, stderr } = await runCli(
        ['evaluate', '--k', '5', '--json', '--compare', 'cascade', 'cascade-shuffled'],
        home,
      );
      expect([code, stderr]).toEqual([0, '']);
      const printed = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const ndcg = (name: string) => printed.find(({ model }) => model === name)['ndcg@5'];
      expect(printed[0]).toMatchObject({ model: 'popularity', split: 'leave-one-out', users: USERS });
      const { difference, low, high, ...rest } = printed.at(-1);
      expect(rest).toMatchObject({ compare: ['cascade', 'cascade-shuffled'], metric: 'ndcg@5' });
      expect(difference).toBeCloseTo(ndcg('cascade') - ndcg('cascade-shuffled'), 12);
      expect(low).toBeLessThan(difference);
      expect(high).toBeGreaterThan(difference);
      expect(rest.pStudent).toBeLessThan(0.05);
      expect(rest.pRandomisation).toBeLessThan(0.05);
    },
    TIMEOUT_MS,
  );

  it('says what is missing where there is nothing to learn from', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'cli-empty-'));
    try {
      const bare = { ...environment, config: environment.config.at(empty) };
      await expect(trainAndPublish(bare, trainSchema.parse({}), () => {})).rejects.toThrow(
        'import a data set first',
      );
      await expect(evaluate(bare)).rejects.toThrow('no bundle is live');
      expect(await readdir(empty)).toEqual([]);
    } finally {
      await rm(empty, { recursive: true });
    }
  });
});

async function expectWhole(manifest: Manifest): Promise<void> {
  expect(Object.keys(manifest.parts).sort()).toEqual(
    [...Object.values(Part).filter((part) => part !== Part.encoders), 'ials', 'item-to-item'].sort(),
  );
  expect(Object.keys(manifest.metrics)).toEqual([
    'popularity',
    'ials',
    'item-to-item',
    'bm25',
    'cascade',
    'cascade-ranking',
    'cascade-shuffled',
  ]);
  expect(manifest.logOffset).toBe(ITEMS + USERS * PER_USER);
  const bundle = await store.open(manifest.version);
  const holdout = await store.open(manifest.holdout);
  const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
  expect(sum(ItemCounters.read(await bundle.read(Part.counters)).column('positive'))).toBe(USERS * PER_USER);
  expect(sum(ItemCounters.read(await holdout.read(Part.counters)).column('positive'))).toBe(
    USERS * (PER_USER - 1),
  );
  expect(new Set(u32Of(await bundle.read(Part.fallback))).size).toBe(ITEMS);
  const schema = await schemaOfBundle(bundle);
  await using scorer = await Scorer.open(await bundle.read(Part.ranker), {
    width: schema.width,
    featureSchemaHash: schema.hash,
  });
  expect(scorer.width).toBe(schema.width);
}
