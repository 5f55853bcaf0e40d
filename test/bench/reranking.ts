import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { Random } from '../../common/random.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { rerankingSchema } from '../../services/reranking/config.ts';
import { ExposureLedger } from '../../services/reranking/fairness/exposure-ledger.ts';
import { policyOf } from '../../services/reranking/policy-schema.ts';
import { RuledItems } from '../../services/reranking/ruled-items.ts';
import { limitsOver } from '../../services/reranking/rules/limits/limits-over.ts';
import { parseRuleFile } from '../../services/reranking/rules/rule-file.ts';
import { SlateAssembler } from '../../services/reranking/slate/assembler.ts';
import { CosineSimilarity, type Similarity } from '../../services/reranking/slate/similarity.ts';
import { SlatePolicy } from '../../services/reranking/slate/slate-policy.ts';
import { SlateStage } from '../../services/reranking/stage.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { measured } from './report.ts';

const ITEMS = 20_000;
const DIM = 64;
const ROWS = 100;
const SLATE = 20;
const RULES = 50;
const REQUESTS = 200;
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

/**
 * Re-ranking of 100 candidates to 20: medians of single calls in microseconds, of the parts alone and of the whole stage, with 50
 * rules, five objectives, DPP, two caps, a share of new items, and a floor. Run it on an idle machine.
 */
export const rerankingBench: Bench = {
  usage: '[--calls N] [--seed S]',
  async run(args, print) {
    const values = parsed(args, {
      calls: { type: 'string', default: '4000' },
      seed: { type: 'string', default: '1' },
    });
    const calls = wholeNumber(values.calls, 'calls', 1);
    const seed = wholeNumber(values.seed, 'seed');
    const parts = await partsOf(seed);
    for (const [part, work] of Object.entries(parts))
      await measured(print, { bench: 'reranking', part }, seed, async () => medians(work, calls));
  },
};

/** Calls by their number; the first half warms up. */
function medians(work: (call: number) => unknown, calls: number): Record<string, number> {
  const us = new Float64Array(calls);
  for (let call = 0; call < 2 * calls; call++) {
    const start = process.hrtime.bigint();
    work(call % REQUESTS);
    if (call >= calls) us[call - calls] = Number(process.hrtime.bigint() - start) / 1000;
  }
  us.sort();
  const at = (share: number): number => Number(us[Math.floor(share * (calls - 1))].toFixed(1));
  return { p50Us: at(0.5), p90Us: at(0.9) };
}

/** Each part's work for one of the requests. */
async function partsOf(seed: number): Promise<Record<string, (call: number) => unknown>> {
  const random = new Random(seed);
  const catalogue = catalogueOf(random);
  const items = new RuledItems(catalogue);
  await items.use(parseRuleFile(fiftyRules(), 'rules.yaml'));
  const config = rerankingSchema.parse(SETTINGS);
  const providers = items.fields.values(config.providerAttribute);
  const ledger = new ExposureLedger(config.exposureHalfLife, providers, () => ITEMS);
  const scores = Float32Array.from({ length: ITEMS }, () => random.int(1000));
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  const embeddings = Float32Array.from({ length: ITEMS * DIM }, () => random.normal());
  const models = { embeddings, dim: DIM, popularity: { scores, order }, settings: {} };
  const stage = new SlateStage(items, ledger, config, models);
  const requests = Array.from({ length: REQUESTS }, () => requestOf(random));
  const similarity = new CosineSimilarity(embeddings, DIM);
  const parts = { ...config, fields: items.fields, ledger, popularity: scores };
  const unbounded = policyOf(SETTINGS, { constraints: [] });
  const policy = new SlatePolicy(unbounded, parts, new Map());
  const shortlists = requests.map(({ candidates }) => ({
    items: candidates.items,
    relevance: candidates.column(Columns.ranking),
    column: () => undefined,
    nowMs: NOW_MS,
  }));
  const orders = shortlists.map((rows) => {
    const { utilities, ...rest } = policy.order(rows, SLATE);
    return { ...rest, utilities: utilities.slice() };
  });
  const known = shortlists.map((rows) => knownSimilarity(rows.items, similarity));
  const out = new Float64Array(ROWS);
  const assembler = new SlateAssembler();
  return {
    rules: (n) => {
      const { candidates, ...request } = requests[n];
      const rows = { items: candidates.items, scores: candidates.column(Columns.ranking) };
      items.rules.apply(rows, { ...request, set: '' });
      return limitsOver(items.rules, ALL_ROWS, rows.scores, items.fields);
    },
    objectives: (n) => policy.order(shortlists[n], SLATE),
    similarity: (n) => {
      similarity.load(shortlists[n].items);
      for (let row = 0; row < SLATE; row++) similarity.toRow(row, out);
    },
    selection: (n) => assembler.assemble(orders[n], policy.selector, known[n], SLATE),
    all: (n) => stage.choose(requests[n]),
  };
}

const ALL_ROWS = Uint32Array.from({ length: ROWS }, (_, row) => row);

const SETTINGS = {
  weights: { relevance: 1, diversity: 0.2, novelty: 0.1, freshness: 0.1, providerFairness: 0.1, margin: 0.1 },
  selector: 'dpp',
  caps: [
    { field: 'categories', itemsMax: 4, window: 10 },
    { field: 'provider', itemsMax: 2, window: 0 },
  ],
  groups: { new: { ageDaysMax: 30 }, tail: { outsideHeadShare: 0.5 } },
  constraints: [{ group: 'new', shareMin: 0.1 }],
  floors: [{ group: 'tail', share: 0.1 }],
};

function catalogueOf(random: Random): Catalogue {
  const catalogue = new Catalogue('bench');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    const upsert = Item.fromPartial({
      id: `item-${ordinal}`,
      categories: [`genre-${random.int(20)}`, `mood-${random.int(8)}`],
      attributes: { provider: { text: `p${random.int(500)}` }, margin: { number: random.next() } },
      availableFromMs: NOW_MS - random.int(300) * DAY_MS,
    });
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert });
  }
  return catalogue;
}

/** Thirty boosts, ten exclusions, four pins, four caps and two requires, as YAML. */
function fiftyRules(): string {
  const effect = (i: number): string => {
    const genre = `categories: genre-${i % 20}`;
    if (i < 30) return `match: { ${genre} }, then: { boost: { factor: ${1.1 + i / 100} } }`;
    if (i < 40) return `match: { attributes: { provider: [p${i}, p${i + 50}] } }, then: { exclude: true }`;
    if (i < 44) return `match: { ${genre} }, then: { pin: { position: ${3 * (i - 39)} } }`;
    if (i < 48) return `match: { ${genre} }, then: { cap: { itemsMax: 5 } }`;
    return `match: { ageDays: { atMost: 60 } }, then: { require: { itemsMin: ${i - 46}, within: 10 } }`;
  };
  const rules = Array.from({ length: RULES }, (_, i) => `  - { name: rule ${i}, ${effect(i)} }`);
  return ['rules:', ...rules].join('\n');
}

function requestOf(random: Random) {
  const chosen = new Set<number>();
  while (chosen.size < ROWS) chosen.add(random.int(ITEMS));
  const items = Uint32Array.from(chosen);
  const scores = Float32Array.from(items, () => random.next());
  return {
    candidates: new Candidates(items, new Map([[Columns.ranking, scores]])),
    context: RequestContext.fromPartial({ requestId: `${random.uint32()}`, timeMs: NOW_MS }),
    nowMs: NOW_MS,
    limit: SLATE,
    policy: '',
  };
}

/** The similarities of a request's rows, computed before. */
function knownSimilarity(items: Uint32Array, similarity: CosineSimilarity): Similarity {
  similarity.load(items);
  const rows = Array.from(items, (_, row) => {
    const values = new Float64Array(items.length);
    similarity.toRow(row, values);
    return values;
  });
  return { toRow: (row, out) => out.set(rows[row]) };
}
