import { expect, test } from 'vitest';
import { importedPart } from '../../../common/bundle/learnt-sources.ts';
import { BundleStore } from '../../../common/bundle/store.ts';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { encodeItemVectors, itemVectors } from '../../../common/models/item-vectors.ts';
import { Random } from '../../../common/random.ts';
import { anonymousUser, type User } from '../../../common/user-state.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { candidatesSchema } from '../config.ts';
import { Hits } from '../hits.ts';
import { Query } from '../query.ts';
import { openSources } from './table.ts';

const DIM = 6;
const ITEMS = 80;
const SEED = 7;

function item(ordinal: number, vector?: readonly number[]): Item {
  const attributes = vector && { attributes: { audio: { texts: { values: vector.map(String) } } } };
  return Item.fromPartial({ id: `i${ordinal}`, ...attributes });
}

/** Every fifth item has no vector; one has a shorter one. */
function world(): { catalogue: Catalogue; vectors: Map<number, number[]> } {
  const random = new Random(SEED);
  const catalogue = new Catalogue('t');
  const vectors = new Map<number, number[]>();
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const vector = Array.from({ length: DIM }, () => Math.fround(random.next() * 2 - 1));
    const given = ordinal % 5 === 4 ? undefined : ordinal === 3 ? vector.slice(1) : vector;
    if (given?.length === DIM) vectors.set(ordinal, vector);
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert: item(ordinal, given) });
  }
  return { catalogue, vectors };
}

const product = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (a: readonly number[]): number[] => a.map((value) => value / Math.sqrt(product(a, a)));

/** What the source should answer, in plain words: nearest to the mean, latest first, each event older by one counting 2^(−1/5). */
function nearest(
  vectors: ReadonlyMap<number, number[]>,
  history: readonly number[],
  space: 'cosine' | 'ip',
  count: number,
): { item: number; score: number }[] {
  const seen = (a: number[]): number[] => (space === 'cosine' ? unit(a) : a);
  const mean = new Array<number>(DIM).fill(0);
  let sum = 0;
  for (const [i, own] of history.entries()) {
    const vector = vectors.get(own);
    if (vector === undefined) continue;
    const weight = 2 ** (-(history.length - 1 - i) / 5);
    sum += weight;
    for (const [d, value] of seen(vector).entries()) mean[d] += weight * value;
  }
  const query = seen(mean.map((value) => value / sum));
  return [...vectors]
    .filter(([own]) => !history.includes(own))
    .map(([own, vector]) => ({ item: own, score: product(query, seen(vector)) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}

test.each(['cosine', 'ip'] as const)(
  'answers what a plain computation does, new and changed items at once: %s',
  async (space) => {
    await using folder = await temporaryHome();
    const { catalogue, vectors } = world();
    const imported = itemVectors(catalogue, { attribute: 'audio', space });
    expect([imported.dim, imported.ordinals.length, imported.leftOut]).toEqual([DIM, vectors.size, ['i3']]);
    const store = new BundleStore(folder.home);
    await store.publish(
      {
        version: 'v',
        createdMs: 0,
        parent: '',
        holdout: '',
        featureSchemaHash: '',
        lineage: 't',
        catalogueEpoch: catalogue.epoch,
        logOffset: 0,
        metrics: {},
        settings: { train: { vectors: [{ attribute: 'audio', space }] } },
      },
      { [importedPart('audio')]: encodeItemVectors(imported), catalogue: catalogue.serialise() },
    );
    const counters = { current: undefined, onVersion: () => () => {} };
    const config = candidatesSchema.parse({ sources: { fresh: { enabled: false } } });
    const [open, ...others] = await openSources({
      bundle: await store.open('v'),
      catalogue,
      counters,
      config,
    });
    expect([open.name, open.quota, open.weight, others]).toEqual(['audio', 150, 0.25, []]);
    const query = new Query(catalogue);
    const history = [10, 4, 21, 7];
    const user: User = {
      ...anonymousUser,
      id: 'u',
      items: Uint32Array.from(history),
      actions: Uint8Array.from(history, () => Action.ACTION_VIEW),
      values: new Float32Array(history.length),
      timesMs: new Float64Array(history.length),
      seen: Uint32Array.from(history),
    };
    const ask = async (of: User, quota: number): Promise<{ item: number; score: number }[]> => {
      query.set({ user: of, seeds: undefined, timeMs: 0 });
      const out = new Hits();
      out.reset(quota);
      await open.source.retrieve(query, quota, out);
      return [...out.items.subarray(0, out.count)].map((own, i) => ({ item: own, score: out.scores[i] }));
    };
    const expectNearest = async (quota: number): Promise<void> => {
      const [found, wanted] = [await ask(user, quota), nearest(vectors, history, space, quota)];
      expect(found.map(({ item: own }) => own)).toEqual(wanted.map(({ item: own }) => own));
      for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(wanted[i].score, 5);
    };
    await expectNearest(12);
    await expectNearest(ITEMS);
    expect(await ask(anonymousUser, 5)).toEqual([]);

    const change = (ordinal: number, vector?: number[]): void => {
      catalogue.apply({ epoch: catalogue.epoch + 1, ordinal, upsert: item(ordinal, vector) });
      if (vector === undefined) vectors.delete(ordinal);
      else vectors.set(ordinal, vector);
    };
    change(ITEMS, [1, 2, 3, -1, 0.5, 2]);
    change(0, [-1, 0, 0.25, 1, 1, -2]);
    change(1);
    change(7, [0.5, 0.5, -1, 0, 2, 1]);
    await expectNearest(12);
    await expectNearest(ITEMS);
    open.source.close?.();
  },
);

test('an attribute that no item has as numbers is refused by name', () => {
  const { catalogue } = world();
  expect(() => itemVectors(catalogue, { attribute: 'visual', space: 'ip' })).toThrow(
    /train\.vectors.*visual/,
  );
});
