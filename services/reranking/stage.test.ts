import { describe, expect, it } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { Random } from '../../common/random.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { newPosteriors } from './bandits/posteriors.ts';
import { rerankingSchema } from './config.ts';
import { ExposureLedger } from './fairness/exposure-ledger.ts';
import { adjustedMinima } from './fairness/fa-ir.ts';
import { RuledItems } from './ruled-items.ts';
import { SlateStage } from './stage.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 1);
const ITEMS = 60;

/**
 * Sixty items: item i is i days old, was taken up 2^(i mod 6) times, has margin i mod 7, and one of three providers, of which the
 * last has one item in ten.
 */
function world() {
  const catalogue = new Catalogue('stage-test');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const provider = ordinal % 10 === 9 ? 'small' : ordinal % 2 === 0 ? 'large' : 'middle';
    const upsert = Item.fromPartial({
      id: `i${ordinal}`,
      categories: [`c${ordinal % 4}`],
      attributes: { provider: { text: provider }, margin: { number: ordinal % 7 } },
      availableFromMs: NOW_MS - ordinal * DAY_MS,
    });
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert });
  }
  const scores = Float32Array.from({ length: ITEMS }, (_, item) => 2 ** (item % 6));
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  return { catalogue, popularity: { scores, order } };
}

/** A stage over that world: `rerank` chooses from candidates that were ranked by rising age, or at random with a seed. */
function stageOf(settings: object) {
  const { catalogue, popularity } = world();
  const config = rerankingSchema.parse(settings);
  const items = new RuledItems(catalogue);
  const ledger = new ExposureLedger(
    config.exposureHalfLife,
    items.fields.values(config.providerAttribute),
    () => ITEMS,
  );
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  const stage = new SlateStage(owned, config, {
    embeddings: new Float32Array(0),
    dim: 1,
    popularity,
    settings: {},
  });
  const context = RequestContext.fromPartial({ requestId: 'r', timeMs: NOW_MS });
  return (
    limit: number,
    {
      columns = {},
      seed,
      policy = '',
    }: { columns?: Record<string, Float32Array>; seed?: number; policy?: string } = {},
  ) => {
    const random = seed === undefined ? undefined : new Random(seed);
    const ordinals = Uint32Array.from({ length: ITEMS }, (_, item) => item);
    const scores = Float32Array.from(ordinals, (item) => random?.next() ?? 1 - item / 100);
    const candidates = new Candidates(
      ordinals,
      new Map([[Columns.ranking, scores], ...Object.entries(columns)]),
    );
    const { candidates: slate, unmet } = stage.choose({ candidates, context, nowMs: NOW_MS, limit, policy });
    return { items: [...slate.items], unmet, scores, slate };
  };
}

describe('objectives', () => {
  const only = (name: string) => stageOf({ weights: { [name]: 1 } });

  it('without any settings the ranking decides where nothing tells items apart', () => {
    expect(stageOf({})(5).items).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([
    ['relevance', [0, 1, 2, 3]],
    ['freshness', [0, 1, 2, 3]],
    ['novelty', [0, 6, 12, 18]],
    ['margin', [6, 13, 20, 27]],
  ])('%s alone puts first what serves it, ties by ordinal', (name, expected) => {
    expect(only(name)(4).items).toEqual(expected);
  });

  it('watch time is the expected seconds of the second stage, and relevance where it has none', () => {
    const seconds = Float32Array.from({ length: ITEMS }, (_, item) => (item === 30 ? 50 : 10));
    const taken = Float32Array.from({ length: ITEMS }, (_, item) => (item === 40 ? 0.9 : 0.2));
    const columns = { 'score.watch': seconds, 'score.second': taken };
    expect(only('watchTime')(2, { columns }).items).toEqual([30, 40]);
    expect(only('watchTime')(2).items).toEqual([0, 1]);
  });

  it('freshness halves with the half-life and not with the request', () => {
    const { slate } = stageOf({ weights: { freshness: 1 }, freshnessHalfLifeDays: 2 })(3);
    expect([...slate.column(Columns.reranking)]).toEqual(
      [1, Math.SQRT1_2, 0.5].map((x) => expect.closeTo(x, 3)),
    );
  });

  it('provider fairness evens out who holds the slots, in proportion to their items', () => {
    const held = (weights: object) => {
      const rerank = stageOf({ weights });
      const slates = Array.from({ length: 200 }, () => rerank(5).items).flat();
      return slates.filter((item) => item % 10 === 9).length / slates.length;
    };
    expect(held({ relevance: 1 })).toBe(0);
    expect(held({ relevance: 1, providerFairness: 3 })).toBeGreaterThan(0.05);
    expect(held({ relevance: 1, providerFairness: 3 })).toBeLessThan(0.2);
  });

  it('a policy is chosen by name, over what the configuration sets for all', () => {
    const policies = { fresh: { weights: { freshness: 1 } }, margins: { weights: { margin: 1 } } };
    const weights = { novelty: 1 };
    expect(stageOf({ weights, policies })(1).items).toEqual([0]);
    const rerank = stageOf({ weights, policies, policy: 'margins' });
    expect(rerank(1).items).toEqual([6]);
    expect(rerank(2, { policy: 'fresh' }).items).toEqual([0, 1]);
    expect(() => rerank(1, { policy: 'stale' })).toThrow(
      'policy: "stale" is none of default, fresh, margins',
    );
  });
});

describe('constraints', () => {
  const groups = { old: { field: 'provider', values: ['small'] }, tail: { outsideHeadShare: 0.5 } };

  it('a share is held over every beginning, with items from below the depth', () => {
    const constraints = [{ group: 'old', shareMin: 0.25 }];
    const { items, unmet } = stageOf({ groups, constraints, depth: 8 })(8);
    expect(items).toEqual([0, 1, 2, 9, 3, 4, 5, 19]);
    expect(unmet).toEqual([]);
  });

  it('no more relevance is lost than allowed, and nearly as much is spent', () => {
    for (let seed = 0; seed < 20; seed++) {
      const weights = { relevance: 0.1, novelty: 1 };
      const constraints = [{ relevanceLossMax: 0.05 }];
      const { items, scores, unmet } = stageOf({ weights, constraints })(10, { seed });
      const low = Math.min(...scores);
      const normalised = scores.map((score) => (score - low) / (Math.max(...scores) - low));
      const best = [...normalised]
        .sort((a, b) => b - a)
        .slice(0, 10)
        .reduce((a, b) => a + b);
      const kept = items.reduce((sum, item) => sum + normalised[item], 0) / best;
      expect(unmet).toEqual([]);
      expect(kept).toBeGreaterThanOrEqual(0.95 - 1e-6);
      expect(kept).toBeLessThan(0.99);
    }
  });

  it('of two that cannot both be met the earlier is, and the other is named', () => {
    const share = { group: 'old', shareMin: 0.5 };
    const loss = { relevanceLossMax: 0.001 };
    const olds = (items: number[]) => items.filter((item) => item % 10 === 9).length;
    const shareFirst = stageOf({ groups, constraints: [share, loss] })(6);
    expect(olds(shareFirst.items)).toBe(3);
    expect(shareFirst.unmet.map(({ constraint }) => constraint)).toEqual(['relevance']);
    const lossFirst = stageOf({ groups, constraints: [loss, share] })(6);
    expect(olds(lossFirst.items)).toBeLessThan(3);
    expect(lossFirst.unmet.map(({ constraint }) => constraint)).toEqual(['least old']);
  });

  it('FA*IR: every beginning holds what its table asks for', () => {
    const constraints = [{ group: 'old', proportion: 0.4, significance: 0.1 }];
    const { minima } = adjustedMinima(12, 0.4, 0.1);
    for (let seed = 0; seed < 20; seed++) {
      const { items } = stageOf({ groups, constraints, depth: 12 })(12, { seed });
      for (let n = 1; n <= 12; n++)
        expect(items.slice(0, n).filter((item) => item % 10 === 9).length).toBeGreaterThanOrEqual(
          minima[n - 1],
        );
    }
    expect(minima[11]).toBeGreaterThan(0);
  });

  it('the long tail is all but the fewest items with the share of the interactions', () => {
    const { items } = stageOf({ groups, constraints: [{ group: 'tail', shareMin: 1 }] })(60);
    expect(items.slice(0, 50).every((item) => item % 6 !== 5)).toBe(true);
  });
});

describe('exposure floors', () => {
  const groups = { small: { field: 'provider', values: ['small'] } };
  const floor = (share: number, more: object = {}) => ({
    groups,
    floors: [{ group: 'small', share }],
    ...more,
  });
  const smalls = (items: number[]) => items.filter((item) => item % 10 === 9).length;

  it('a group that ranking never shows holds its floor over time, and no slate gives more than the budget', () => {
    const rerank = stageOf(floor(0.08, { depth: 5 }));
    const held = Array.from({ length: 300 }, () => smalls(rerank(8).items));
    expect(Math.max(...held)).toBe(1);
    expect(held.reduce((a, b) => a + b) / 2400).toBeGreaterThanOrEqual(0.08);
    expect(held.reduce((a, b) => a + b) / 2400).toBeLessThan(0.085);
  });

  it('a floor above its budget is held as far as the budget goes', () => {
    const rerank = stageOf(floor(0.5, { floorBudget: 0.2 }));
    const slates = Array.from({ length: 50 }, () => rerank(10).items);
    expect(slates.every((items) => smalls(items) === 2)).toBe(true);
  });

  it('a group that holds its share anyway changes nothing', () => {
    const [plain, floored] = [stageOf({}), stageOf(floor(0.02))].map((rerank) =>
      Array.from({ length: 100 }, (_, seed) => rerank(20, { seed }).items),
    );
    expect(floored).toEqual(plain);
  });

  it('the same slates before make the same slate after', () => {
    const run = () => {
      const rerank = stageOf(floor(0.07));
      return Array.from({ length: 60 }, (_, seed) => rerank(10, { seed }).items);
    };
    expect(run()).toEqual(run());
  });
});

it.each([
  [{ weights: { novelty: Number.NaN } }, 'weights.novelty: Invalid input: expected number, received NaN'],
  [{ weights: { relevance: -1 } }, 'weights.relevance: Too small: expected number to be >=0'],
  [{ weights: { relevance: 0 } }, 'weights: all weights are 0'],
  [{ weights: { relevence: 1 } }, 'weights: Unrecognized key: "relevence"'],
  [{ policies: { p: { weights: {} } } }, 'policies.p.weights: all weights are 0'],
  [{ policy: 'p' }, 'policy: "p" is none of default'],
  [
    { floors: [{ group: 'new', share: 0.1 }] },
    'floors.0.group: "new" is no group; reranking.groups has none',
  ],
  [
    { policies: { p: { constraints: [{ group: 'g', shareMin: 0.1 }] } } },
    'policies.p.constraints.0.group: "g" is no group; reranking.groups has none',
  ],
  [
    { constraints: [{ relevanceLossMax: 1 }] },
    'constraints.0.relevanceLossMax: Too big: expected number to be <1',
  ],
  [{ constraints: [{ shareMin: 0.1 }] }, 'constraints.0: expected {group, shareMin}'],
])('%j is refused by its field', (settings, message) => {
  const parsed = rerankingSchema.safeParse(settings);
  const faults = parsed.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];
  expect(faults.join('; ')).toContain(message);
});
