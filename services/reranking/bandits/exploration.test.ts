import { describe, expect, it } from 'vitest';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../../common/columns.ts';
import { Random } from '../../../common/random.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { rerankingSchema } from '../config.ts';
import { ExposureLedger } from '../fairness/exposure-ledger.ts';
import { RuledItems } from '../ruled-items.ts';
import { parseRuleFile } from '../rules/rule-file.ts';
import { SlateStage } from '../stage.ts';
import { newPosteriors } from './posteriors.ts';

const ITEMS = 60;
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

/** Sixty items, the older the higher their ordinal, ranked by rising age. */
function stageOf(settings: object, rules?: string) {
  const catalogue = new Catalogue('exploration-test');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const item = {
      id: `i${ordinal}`,
      categories: [`c${ordinal % 4}`],
      availableFromMs: NOW_MS - ordinal * DAY_MS,
    };
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial(item) });
  }
  const config = rerankingSchema.parse(settings);
  const items = new RuledItems(catalogue);
  const ready = rules === undefined ? undefined : items.use(parseRuleFile(rules, 'rules.yaml'));
  const providers = items.fields.values(config.providerAttribute);
  const ledger = new ExposureLedger(config.exposureHalfLife, providers, () => ITEMS);
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  const models = { embeddings: new Float32Array(0), dim: 1, popularity: undefined, settings: {} };
  const stage = new SlateStage(owned, config, models);
  const ordinals = Uint32Array.from({ length: ITEMS }, (_, item) => item);
  const scores = Float32Array.from(ordinals, (item) => 1 - item / 100);
  const candidates = new Candidates(ordinals, new Map([[Columns.ranking, scores]]));
  const choose = (requestId: string, limit = 10, policy = '') =>
    stage.choose({
      candidates,
      context: RequestContext.fromPartial({ requestId, timeMs: NOW_MS }),
      nowMs: NOW_MS,
      limit,
      policy,
    });
  return Object.assign(choose, { ready });
}

const requests = Array.from({ length: 300 }, (_, i) => `${new Random(i).uint32()}`);
const slots = { positions: [3, 6], pool: { rows: 12 }, minimumProbability: 0.02 };
const slates = { arms: [{ policy: 'default' }, { policy: 'turned', bonus: 0.5 }], minimumProbability: 0.1 };
const groups = { thirds: { field: 'categories', values: ['c3'] } };
const turned = { groups, policies: { turned: { constraints: [{ group: 'thirds', shareMin: 0.5 }] } } };

describe('exploration is off unless configured', () => {
  it('and then every propensity is 1 and nothing is recorded', () => {
    const { candidates, exploration } = stageOf({})('r');
    expect(exploration).toEqual([]);
    expect([...candidates.column(Columns.propensity)]).toEqual(new Array(10).fill(1));
  });
});

describe('slots', () => {
  const rerank = stageOf({ exploration: { slots } });

  it("are drawn from outside the ranking's best, the others are not, and the same request has the same slate", () => {
    for (const id of requests.slice(0, 50)) {
      const { candidates, exploration } = rerank(id);
      const drawn = [2, 5].map((slot) => candidates.items[slot]);
      for (const item of drawn) expect(item).toBeGreaterThanOrEqual(10);
      expect([...candidates.items].filter((item) => item < 10)).toHaveLength(8);
      expect(exploration.map(({ slot }) => slot)).toEqual([2, 5]);
      expect(rerank(id).exploration).toEqual(exploration);
    }
  });

  it('record every eligible item with its odds and context; what stands in an earlier slot is not eligible', () => {
    for (const id of requests) {
      const { candidates, exploration } = rerank(id);
      const propensities = candidates.column(Columns.propensity);
      for (const { slot = -1, arms, chosen, context } of exploration) {
        expect(arms).toHaveLength(12);
        expect(context).toBe('item.v1');
        expect(arms.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
        expect(Math.min(...arms.map(({ probability }) => probability))).toBeGreaterThanOrEqual(0.02 - 1e-9);
        expect(arms[chosen].arm).toBe(`i${candidates.items[slot]}`);
        expect(propensities[slot]).toBeCloseTo(arms[chosen].probability, 6);
        for (const { arm, context: values } of arms) {
          expect(values).toHaveLength(40);
          const earlier = [...candidates.items].slice(0, slot).map((item) => `i${item}`);
          expect(earlier).not.toContain(arm);
        }
      }
    }
  });

  it('take from a group where one is named, and stay with the ranking where it has nothing to give', () => {
    const groups = {
      old: { field: 'categories', values: ['c3'] },
      none: { field: 'categories', values: ['c9'] },
    };
    const of = (group: string) =>
      stageOf({ groups, exploration: { slots: { ...slots, pool: { rows: 12, groups: [group] } } } });
    const fromGroup = of('old')('r');
    for (const { arms } of fromGroup.exploration)
      for (const { arm } of arms) expect(Number(arm.slice(1)) % 4).toBe(3);
    const without = of('none')('r');
    expect(without.exploration).toEqual([]);
    expect([...without.candidates.items]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('are drawn about as often as their odds say', () => {
    const shown = new Map<string, number>();
    const expected = new Map<string, number>();
    for (const id of requests) {
      const [{ arms, chosen }] = rerank(id).exploration;
      for (const [i, { arm, probability }] of arms.entries()) {
        expected.set(arm, (expected.get(arm) ?? 0) + probability);
        shown.set(arm, (shown.get(arm) ?? 0) + Number(i === chosen));
      }
    }
    for (const [arm, mean] of expected)
      expect(Math.abs((shown.get(arm) as number) - mean)).toBeLessThan(4 * Math.sqrt(mean));
  });
});

it("a rule's bonus makes its items likelier in drawn slots and is recorded with the one that was taken", async () => {
  const rule = '{name: push, match: {ids: [i13]}, then: {boost: {factor: 1.01}}, bonus: 0.9}';
  const plain = stageOf({ exploration: { slots } });
  const pushed = stageOf({ exploration: { slots } }, `rules: [${rule}]`);
  await pushed.ready;
  const odds = (rerank: typeof plain, id: string): number =>
    rerank(id).exploration[0].arms.find(({ arm }) => arm === 'i13')?.probability ?? 0;
  let times = 0;
  for (const id of requests.slice(0, 40)) {
    expect(odds(pushed, id)).toBeGreaterThan(odds(plain, id));
    for (const { arms, chosen, bonus } of pushed(id).exploration) {
      expect(bonus).toBeCloseTo(arms[chosen].arm === 'i13' ? 0.9 : 0, 6);
      times += Number(bonus > 0);
    }
  }
  expect(times).toBeGreaterThan(0);
});

describe('whole slates', () => {
  const rerank = stageOf({ ...turned, exploration: { slates } });

  it('are drawn with the odds that are recorded, of which a bonus is no part of any reward', () => {
    let times = 0;
    let expected = 0;
    for (const id of requests) {
      const [policy] = rerank(id).exploration;
      expect(policy).toMatchObject({ bandit: 'thompson-gaussian', context: 'slate.v1' });
      expect(policy.slot).toBeUndefined();
      expect(policy.arms.map(({ arm }) => arm)).toEqual(['default', 'turned']);
      expect(policy.bonus).toBe(policy.chosen === 1 ? 0.5 : 0);
      times += policy.chosen;
      expected += policy.arms[1].probability;
    }
    expect(expected / requests.length).toBeGreaterThan(0.6);
    expect(Math.abs(times - expected)).toBeLessThan(4 * Math.sqrt(expected));
  });

  it("an item's propensity is its odds over all policies that could have shown the slots before it", () => {
    for (const id of requests) {
      const { candidates, exploration } = rerank(id);
      const [{ arms: policies, chosen }, ...mixed] = exploration;
      const propensities = candidates.column(Columns.propensity);
      const product = propensities.reduce((a, b) => a * b, 1);
      expect(product).toBeCloseTo(policies[chosen].probability, 5);
      for (const { slot = -1, arms, bandit } of mixed) {
        expect(bandit).toBe('slate');
        expect(arms).toHaveLength(2);
        expect(propensities[slot]).toBeCloseTo(policies[chosen].probability, 6);
      }
      expect(mixed).toHaveLength(1);
    }
  });
});

it('with slates and slots the odds of a drawn slot are those over all policies', () => {
  const rerank = stageOf({ ...turned, exploration: { slates, slots } });
  for (const id of requests.slice(0, 100)) {
    const { candidates, exploration } = rerank(id);
    const propensities = candidates.column(Columns.propensity);
    const draws = exploration.filter(({ slot }) => slot !== undefined);
    expect(draws.length).toBeGreaterThanOrEqual(2);
    for (const { slot = -1, arms, chosen } of draws) {
      expect(arms.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
      expect(arms[chosen].arm).toBe(`i${candidates.items[slot]}`);
      expect(arms[chosen].probability).toBeCloseTo(propensities[slot], 6);
    }
  }
});

it.each([
  [{ slots: { positions: [1, 2, 3, 4] } }, 'exploration.slots.positions'],
  [{ slots: { positions: [5, 5] } }, 'exploration.slots.positions'],
  [{ slots: { minimumProbability: 0.2 } }, 'exploration.slots: minimumProbability'],
  [{ slots: { bandit: 'lucky' } }, 'exploration.slots.bandit'],
  [{ slots: { pool: { groups: ['new'] } } }, 'exploration.slots.pool.groups.0.group'],
  [{ slates: { arms: [{ policy: 'default' }, { policy: 'nobody' }] } }, 'exploration.slates.arms.1.policy'],
  [{ slates: { arms: [{ policy: 'default' }, { policy: 'default' }] } }, 'exploration.slates.arms'],
  [{ reward: { applause: 1 } }, 'exploration.reward.applause'],
  [{ slots: { halfLife: 0 } }, 'exploration.slots.halfLife'],
  [{ slots: { halfLife: Number.NaN } }, 'exploration.slots.halfLife'],
])('configuration %j is refused by its field', (exploration, field) => {
  const parsed = rerankingSchema.safeParse({ exploration });
  const faults = parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  expect(faults.some((fault) => fault.startsWith(field))).toBe(true);
});
