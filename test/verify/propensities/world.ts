import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../../common/columns.ts';
import { Random } from '../../../common/random.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { newPosteriors, type Posteriors } from '../../../services/reranking/bandits/posteriors.ts';
import { rerankingSchema } from '../../../services/reranking/config.ts';
import { ExposureLedger } from '../../../services/reranking/fairness/exposure-ledger.ts';
import { RuledItems } from '../../../services/reranking/ruled-items.ts';
import { parseRuleFile } from '../../../services/reranking/rules/rule-file.ts';
import { type SlateResult, SlateStage } from '../../../services/reranking/stage.ts';

export const MODES = ['slots', 'slates', 'both'] as const;
export type Mode = (typeof MODES)[number];

const ITEMS = 200;
const CANDIDATES = 50;
export const SLATE = 10;
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const LESSONS = 400;

/** A pin that falls on a drawn position for some requests, and caps, one of which another rule set replaces. */
const RULES = `
sets: {calm: [loved]}
rules:
  - name: pinned
    when: {device: [tv]}
    match: {categories: [c1]}
    then: {pin: {position: 3}}
  - name: first
    when: {device: [mobile]}
    match: {categories: [c2]}
    then: {pin: {position: 1}}
  - name: few
    then: {cap: {field: categories, itemsMax: 3}}
  - name: loved
    match: {categories: [c3]}
    then: {boost: {factor: 3}}
`;

const slots = {
  bandit: 'linear-thompson',
  positions: [3, 6, 9],
  pool: { rows: 8 },
  minimumProbability: 0.01,
};
const slates = {
  bandit: 'linear-thompson',
  minimumProbability: 0.05,
  arms: [{ policy: 'default' }, { policy: 'calm', bonus: 0.1 }, { policy: 'varied' }],
};

function settingsOf(mode: Mode): object {
  return {
    policies: {
      calm: { ruleSet: 'calm' },
      varied: {
        weights: { relevance: 0.5, freshness: 0.5 },
        caps: [{ field: 'categories', itemsMax: 1, window: 3 }],
      },
    },
    exploration: {
      ...(mode === 'slates' ? {} : { slots }),
      ...(mode === 'slots' ? {} : { slates }),
    },
  };
}

/** Asks the real stage, whose posteriors have learnt something and then stand still, for the slate of a request. */
export async function askingStage(mode: Mode): Promise<(request: number) => SlateResult> {
  const random = new Random(1);
  const catalogue = new Catalogue('propensities');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const upsert = Item.fromPartial({
      id: `i${ordinal}`,
      categories: [`c${random.int(6)}`],
      availableFromMs: NOW_MS - random.int(60) * DAY_MS,
    });
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert });
  }
  const config = rerankingSchema.parse(settingsOf(mode));
  const items = new RuledItems(catalogue);
  await items.use(parseRuleFile(RULES, 'rules.yaml'));
  const providers = items.fields.values(config.providerAttribute);
  const ledger = new ExposureLedger(config.exposureHalfLife, providers, () => ITEMS);
  const posteriors = { ...newPosteriors(config.exploration), version: 'frozen' };
  const idOf = (ordinal: number): string => catalogue.idOf(ordinal);
  const models = { embeddings: new Float32Array(0), dim: 1, popularity: undefined, settings: {} };
  const stage = new SlateStage({ items, ledger, posteriors: () => posteriors, idOf }, config, models);
  const ask = (request: number): SlateResult => stage.choose(requestOf(request));
  for (let lesson = 0; lesson < LESSONS; lesson++) teach(posteriors, ask(-1 - lesson), random);
  return ask;
}

function requestOf(request: number) {
  const random = new Random(request);
  const ordinals = random
    .shuffle(Uint32Array.from({ length: ITEMS }, (_, ordinal) => ordinal))
    .slice(0, CANDIDATES);
  const scores = Float32Array.from(ordinals, () => random.next());
  const context = RequestContext.fromPartial({
    requestId: `request-${request}`,
    timeMs: NOW_MS,
    device: ['tv', 'mobile', ''][random.int(3)],
  });
  const candidates = new Candidates(ordinals, new Map([[Columns.ranking, scores]]));
  return { candidates, context, nowMs: NOW_MS, limit: SLATE, policy: '' };
}

/** Rewards what was drawn at random, items of the first half of the catalogue oftener. */
function teach(
  { slots: items, slates: policies }: Posteriors,
  { exploration }: SlateResult,
  random: Random,
): void {
  for (const { slot, arms: all, chosen: at } of exploration) {
    const taken = all[at];
    const arms = all.filter(({ context }) => context.length > 0);
    const chosen = arms.indexOf(taken);
    if (chosen === -1) continue;
    const contexts = new Float32Array(
      new Uint8Array(Buffer.concat(arms.map(({ context }) => context))).buffer,
    );
    const liked = slot === undefined ? at === 1 : Number(taken.arm.slice(1)) < ITEMS / 2;
    const reward = random.next() < (liked ? 0.55 : slot === undefined ? 0.5 : 0.3) ? 1 : 0;
    const outcome = {
      arms: { count: arms.length, ids: arms.map(({ arm }) => arm), contexts },
      chosen,
      probability: taken.probability,
      reward,
    };
    (slot === undefined ? policies : items)?.learn(outcome, random);
  }
}
