import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Part } from '../../../common/bundle/manifest.ts';
import type { Bundle } from '../../../common/bundle/store.ts';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import { decodeIals, IalsUserSolver } from '../../../common/models/ials.ts';
import { decodeItemToItem, ItemToItemScorer } from '../../../common/models/item-to-item.ts';
import { decodePopularity } from '../../../common/models/popularity.ts';
import { Random } from '../../../common/random.ts';
import { anonymousUser, type User } from '../../../common/user-state.ts';
import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import { makeTinyBundle, type TinyBundle } from '../../../test/support/tiny-bundle.ts';
import { tinyItem, tinyUser } from '../../../test/support/tiny-world.ts';
import { candidatesSchema } from '../config.ts';
import { Hits } from '../hits.ts';
import { Query } from '../query.ts';
import type { LiveCounters, Source } from './source.ts';
import { SOURCES } from './table.ts';

/** Counters that a test publishes. */
class Counters implements LiveCounters {
  current: ItemCounters | undefined;
  readonly #listeners = new Set<(counters: ItemCounters) => void>();

  onVersion(listener: (counters: ItemCounters) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  publish(positive: Float32Array): void {
    this.current = new ItemCounters(1, { positive });
    for (const listener of this.#listeners) listener(this.current);
  }
}

let home: string;
let world: TinyBundle;
let bundle: Bundle;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-sources-'));
  world = await makeTinyBundle(home);
  bundle = await world.store.open('tiny-1');
});
afterAll(() => rm(home, { recursive: true }));

/** A catalogue of its own, so that a test may change it. */
async function opened(name: keyof typeof SOURCES, settings: object = {}) {
  const catalogue = Catalogue.read(await bundle.read(Part.catalogue));
  const counters = new Counters();
  const source = (await SOURCES[name].open({
    bundle,
    catalogue,
    counters,
    config: candidatesSchema.parse(settings),
  })) as Source;
  const query = new Query(catalogue);
  const change = (ordinal: number, upsert?: Item) =>
    catalogue.apply({ epoch: catalogue.epoch + 1, ordinal, ...(upsert ? { upsert } : { delete: {} }) });
  const ask = async (user: User, quota: number, seeds?: number[]) => {
    query.set({ user: user, seeds: seeds && Uint32Array.from(seeds), timeMs: world.nowMs });
    const out = new Hits();
    out.reset(quota);
    await source.retrieve(query, quota, out);
    const { count, items, scores } = out;
    return { items: [...items.subarray(0, count)], scores: [...scores.subarray(0, count)] };
  };
  return { source, counters, catalogue, change, ask };
}

const warm = () => tinyUser(world, 3);
const falling = (scores: number[]) => scores.every((score, i) => i === 0 || score <= scores[i - 1]);

function bestFirst(scores: ArrayLike<number>, keep: (item: number) => boolean): number[] {
  const items = Array.from(scores, (_, item) => item).filter(keep);
  return items.sort((a, b) => scores[b] - scores[a] || a - b);
}

test('ials: the unseen items of greatest product with the folded-in history', async () => {
  const { ask } = await opened('ials');
  const user = warm();
  const model = await bundle.decoded('ials', decodeIals);
  const { dim } = model.options;
  const vector = new Float32Array(dim);
  new IalsUserSolver(model).solve(user.items, undefined, vector);
  const products = Float32Array.from({ length: model.itemCount }, (_, item) =>
    vector.reduce((sum, value, i) => sum + value * model.itemFactors[item * dim + i], 0),
  );
  const { items, scores } = await ask(user, 20);
  expect(items).toEqual(bestFirst(products, (item) => !user.items.includes(item)).slice(0, 20));
  items.forEach((item, i) => {
    expect(scores[i]).toBeCloseTo(products[item], 5);
  });
  expect(await ask(anonymousUser, 20)).toEqual({ items: [], scores: [] });
});

test('ials: seeds ask by the mean of their vectors, unknown ones say nothing', async () => {
  const { ask, change, catalogue } = await opened('ials');
  change(100, tinyItem(100, new Random(1)));
  const similar = await ask(anonymousUser, 10, [5, 100]);
  expect(similar.items).toHaveLength(10);
  expect(similar.items).not.toContain(5);
  expect(similar).toEqual(await ask(anonymousUser, 10, [5]));
  expect((await ask(anonymousUser, 10, [100])).items).toEqual([]);
  expect(catalogue.size).toBe(101);
});

test('item_to_item: the sum of the similarities to the history, without what is skipped', async () => {
  const { ask, change } = await opened('item_to_item');
  const user = warm();
  const scorer = new ItemToItemScorer(await bundle.decoded('item-to-item', decodeItemToItem));
  scorer.score(user.items);
  const expected = bestFirst(
    scorer.scores,
    (item) => scorer.scores[item] > 0 && !user.items.includes(item),
  ).slice(0, 15);
  const { items, scores } = await ask(user, 15);
  expect(items).toEqual(expected);
  expect(scores).toEqual(expected.map((item) => scorer.scores[item]));
  change(expected[0]);
  expect((await ask(user, 14)).items).toEqual(expected.slice(1));
});

test('popularity: the bundle’s order until live counts arrive, then theirs, new items included', async () => {
  const { ask, change, counters, source } = await opened('popularity');
  const { order } = await bundle.decoded(Part.popularity, decodePopularity);
  expect((await ask(anonymousUser, 30)).items).toEqual([...order.slice(0, 30)]);
  change(100, tinyItem(100, new Random(1)));
  const base = await bundle.decoded(Part.counters, ItemCounters.read);
  const positive = new Float32Array(101);
  positive.set(base.column('positive'));
  positive[100] = 1_000;
  positive[order[99]] += 500;
  counters.publish(positive);
  await expect.poll(async () => (await ask(anonymousUser, 3)).items).toEqual([100, order[99], order[0]]);
  change(100);
  expect((await ask(anonymousUser, 2)).items).toEqual([order[99], order[0]]);
  source.close?.();
  expect(counters.listeners).toBe(0);
});

test('fresh: items after the bundle, newest first, neither deleted nor out of their time', async () => {
  const { ask, change } = await opened('fresh');
  expect((await ask(anonymousUser, 5)).items).toEqual([]);
  const random = new Random(1);
  for (let ordinal = 100; ordinal < 105; ordinal++) change(ordinal, tinyItem(ordinal, random));
  change(105, { ...tinyItem(105, random), availableFromMs: world.nowMs + 1 });
  change(106, { ...tinyItem(106, random), availableUntilMs: world.nowMs });
  change(102);
  change(50, tinyItem(50, random));
  expect(await ask(anonymousUser, 3)).toEqual({ items: [104, 103, 101], scores: [5, 4, 2] });
});

test('bm25: the texts of the history find items of their genre', async () => {
  const { ask } = await opened('bm25');
  const user = { ...anonymousUser, items: Uint32Array.of(1, 6, 11), actions: new Uint8Array(3).fill(2) };
  const { items, scores } = await ask({ ...user, seen: user.items }, 10);
  expect(items.map((item) => item % 5)).toEqual(new Array(10).fill(1));
  expect(falling(scores)).toBe(true);
  expect(items.some((item) => user.items.includes(item))).toBe(false);
  expect((await ask(anonymousUser, 10)).items).toEqual([]);
});

test('bm25: an item is searchable by its text as soon as the catalogue has it, and gone when it is deleted', async () => {
  const { ask, change } = await opened('bm25');
  const item = { ...tinyItem(100, new Random(1)), title: 'Zeppelin over Timbuktu' };
  change(100, item);
  change(101, { ...item, id: 'item-101' });
  expect((await ask(anonymousUser, 1, [100])).items).toEqual([101]);
  change(101, { ...tinyItem(102, new Random(2)), id: 'item-101' });
  expect((await ask(anonymousUser, 100, [100])).items).not.toContain(101);
  change(7, { ...item, id: 'item-7' });
  expect((await ask(anonymousUser, 1, [100])).items).toEqual([7]);
  change(7);
  expect((await ask(anonymousUser, 100, [100])).items).not.toContain(7);
});

test('bm25: a bundle opened late takes up what changed before', async () => {
  const { catalogue, change } = await opened('bm25');
  const item = { ...tinyItem(100, new Random(1)), title: 'Zeppelin over Timbuktu' };
  change(100, item);
  change(30, { ...item, id: 'item-30' });
  change(31);
  const config = candidatesSchema.parse({});
  const late = (await SOURCES.bm25.open({ bundle, catalogue, counters: new Counters(), config })) as Source;
  const query = new Query(catalogue);
  query.set({ user: anonymousUser, seeds: Uint32Array.of(100), timeMs: 0 });
  const out = new Hits();
  out.reset(100);
  await late.retrieve(query, 100, out);
  expect(out.items[0]).toBe(30);
  expect([...out.items.subarray(0, out.count)]).not.toContain(31);
});

test('a heavy user still gets a full quota', async () => {
  const seen = Uint32Array.from({ length: 60 }, (_, item) => item);
  const user = { ...warm(), seen };
  for (const name of ['ials', 'item_to_item', 'popularity'] as const) {
    const { ask } = await opened(name);
    const { items } = await ask(user, 30);
    expect([name, items.length]).toEqual([name, 30]);
    expect(items.every((item) => item >= 60)).toBe(true);
  }
});

test('a bundle without a part has no such source', async () => {
  const bare = await world.store.publish(
    { ...world.manifest, version: 'bare' },
    { [Part.catalogue]: await bundle.read(Part.catalogue) },
  );
  const catalogue = Catalogue.read(await bundle.read(Part.catalogue));
  const config = candidatesSchema.parse({});
  const context = {
    bundle: await world.store.open(bare.version),
    catalogue,
    counters: new Counters(),
    config,
  };
  for (const name of ['ials', 'item_to_item', 'bm25', 'popularity'] as const)
    expect(await SOURCES[name].open(context)).toBeUndefined();
});
