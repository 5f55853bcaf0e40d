import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../../common/columns.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { newPosteriors } from '../bandits/posteriors.ts';
import { rerankingSchema } from '../config.ts';
import { ExposureLedger } from '../fairness/exposure-ledger.ts';
import { RuledItems } from '../ruled-items.ts';
import { SlateStage } from '../stage.ts';
import { parseRuleFile } from './rule-file.ts';

const ITEMS = 60;
const SEED = 1;
/** Item i is of genre g<i mod 4>, of creator c<i mod 7>. */
const genreOf = (item: number) => `g${item % 4}`;
const creatorOf = (item: number) => `c${item % 7}`;

function catalogueOf(): Catalogue {
  const catalogue = new Catalogue('ruled');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const attributes = { creator: { text: creatorOf(ordinal) } };
    const upsert = Item.fromPartial({ id: `i${ordinal}`, categories: [genreOf(ordinal)], attributes });
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert });
  }
  return catalogue;
}

const catalogue = catalogueOf();

/** What re-ranking makes of all items, ranked by ordinal, with a policy that has aims and a cap of its own. */
async function slateOf(rules: readonly string[], limit: number) {
  const config = rerankingSchema.parse({
    weights: { relevance: 0.7, novelty: 0.2, diversity: 0.1 },
    caps: [{ field: 'categories', itemsMax: 2, window: 4 }],
  });
  const items = new RuledItems(catalogue);
  await items.use(parseRuleFile(`rules: [${rules.join(', ')}]`, 'rules.yaml'));
  const ledger = new ExposureLedger(config.exposureHalfLife, items.fields.values('creator'), () => ITEMS);
  const models = { embeddings: new Float32Array(0), dim: 1, popularity: undefined, settings: {} };
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  const stage = new SlateStage(owned, config, models);
  const ordinals = Uint32Array.from({ length: ITEMS }, (_, item) => item);
  const scores = Float32Array.from(ordinals, (item) => 1 - item / ITEMS);
  const candidates = new Candidates(ordinals, new Map([[Columns.ranking, scores]]));
  const context = RequestContext.create();
  const {
    candidates: slate,
    unmet,
    firings,
  } = stage.choose({ candidates, context, nowMs: 0, limit, policy: '' });
  items.close();
  return { items: [...slate.items], unmet: unmet.map(({ constraint }) => constraint), firings };
}

it('whatever the policy wants: the excluded is not shown, pins stand, caps and requires hold or are reported', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        banned: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
        pins: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(ITEMS - 1)), {
          maxLength: 3,
          selector: ([position]) => position,
        }),
        need: fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 4, max: 10 })),
        itemsMax: fc.integer({ min: 1, max: 4 }),
        limit: fc.integer({ min: 1, max: 20 }),
      }),
      async ({ banned, pins, need: [genre, itemsMin, within], itemsMax, limit }) => {
        const free = pins.filter(([, item], i) => pins.findIndex(([, other]) => other === item) === i);
        const allowed = free.filter(([, item]) => !banned.includes(item % 4));
        const { items, unmet, firings } = await slateOf(
          [
            ...banned.map((g) => `{name: ban${g}, match: {categories: g${g}}, then: {exclude: true}}`),
            ...allowed.map(
              ([position, item], i) =>
                `{name: pin${i}, match: {ids: i${item}}, then: {pin: {position: ${position}}}}`,
            ),
            ...(banned.includes(genre)
              ? []
              : [
                  `{name: need, match: {categories: g${genre}}, then: {require: {itemsMin: ${itemsMin}, within: ${within}}}}`,
                ]),
            `{name: cap, then: {cap: {field: creator, itemsMax: ${itemsMax}}}, priority: -1}`,
          ],
          limit,
        );
        expect(items.length).toBe(limit);
        expect(items.filter((item) => banned.includes(item % 4))).toEqual([]);
        for (const [position, item] of allowed) if (position <= limit) expect(items[position - 1]).toBe(item);
        const matching = items.slice(0, within).filter((item) => item % 4 === genre).length;
        if (!banned.includes(genre)) expect(unmet.includes('rule need')).toBe(matching < itemsMin);
        const perCreator = [0, 1, 2, 3, 4, 5, 6].map((c) => items.filter((item) => item % 7 === c).length);
        expect(unmet.includes('rule cap')).toBe(Math.max(...perCreator) > itemsMax);
        if (limit <= 7 * itemsMax && allowed.length === 0) expect(unmet).not.toContain('rule cap');
        const told = new Set(firings.filter(({ effect }) => effect === 'exclude').map(({ item }) => item));
        expect(told.size).toBe(banned.length * (ITEMS / 4));
      },
    ),
    { seed: SEED, numRuns: 150 },
  );
});
