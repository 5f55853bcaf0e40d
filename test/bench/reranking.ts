import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { fitSecondStage } from '../../common/models/second-stage.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { Random } from '../../common/random.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { newPosteriors } from '../../services/reranking/bandits/posteriors.ts';
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
import { secondStageSettings } from '../../services/training/second-stage.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { measured } from './report.ts';

const ITEMS = 20_000;
const DIM = 64;
/** Columns that the model is fed. */
const WIDTH = 26;
const ROWS = 100;
const SLATE = 20;
const RULES = 50;
const REQUESTS = 200;
/** Calls that are timed together: the clock of CPU time is coarser than one. */
const BLOCK = 20;
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

/**
 * Re-ranking of 100 candidates to 20: microseconds of CPU, of the parts alone and of the whole, with 50
 * rules, a second-stage model, five objectives, DPP, two caps, a share of new items, a floor, and three slots drawn by a bandit.
 */
export const rerankingBench: Bench = {
  usage: '[--calls N] [--seed S]',
  async run(args, print) {
    const values = parsed(args, {
      calls: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
    });
    const calls = wholeNumber(values.calls, 'calls', 1);
    const seed = wholeNumber(values.seed, 'seed');
    const parts = await partsOf(seed);
    for (const [part, work] of Object.entries(parts))
      await measured(print, { bench: 'reranking', part }, seed, () => medians(work, calls));
  },
};

/** Microseconds of CPU a call, of all threads, as medians over blocks of calls, so that other processes cost little; a third warms up. */
async function medians(work: (call: number) => unknown, calls: number): Promise<Record<string, number>> {
  const blocks = Math.max(1, Math.floor(calls / BLOCK));
  const us = new Float64Array(blocks);
  for (let block = -Math.ceil(blocks / 2); block < blocks; block++) {
    const before = process.cpuUsage();
    for (let call = 0; call < BLOCK; call++) {
      const pending = work((block * BLOCK + call + calls) % REQUESTS);
      if (pending instanceof Promise) await pending;
    }
    const { user, system } = process.cpuUsage(before);
    if (block >= 0) us[block] = (user + system) / BLOCK;
  }
  us.sort();
  const at = (share: number): number => Math.round(us[Math.floor(share * (blocks - 1))]);
  return { cpuUsP50: at(0.5), cpuUsP90: at(0.9) };
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
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  const stage = new SlateStage(owned, { ...config, exploration: {} as typeof config.exploration }, models);
  const exploring = new SlateStage(owned, config, models);
  const scorer = await secondStage(random);
  const features = Float32Array.from({ length: ROWS * WIDTH }, () => random.normal());
  const requests = Array.from({ length: REQUESTS }, () => requestOf(random));
  const similarity = new CosineSimilarity(embeddings, DIM);
  const parts = { ...config, fields: items.fields, ledger, popularity: scores };
  const { exploration: _, groups: __, floors: ___, ...policySettings } = SETTINGS;
  const unbounded = policyOf(policySettings, { constraints: [] });
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
    model: () => scorer.runAll(features),
    slate: (n) => stage.choose(requests[n]),
    'slate with bandit': (n) => exploring.choose(requests[n]),
    all: async (n) => {
      await scorer.runAll(features);
      return exploring.choose(requests[n]);
    },
  };
}

const ALL_ROWS = Uint32Array.from({ length: ROWS }, (_, row) => row);

/** The network that training makes of so many columns, with three tasks; what it has learnt does not matter. */
async function secondStage(random: Random): Promise<Scorer> {
  const rows = 512;
  const features = Float32Array.from({ length: rows * WIDTH }, () => random.normal());
  const labels = (kind: 'binary' | 'log'): Float32Array =>
    Float32Array.from({ length: rows }, () => (kind === 'binary' ? random.int(2) : random.int(300)));
  const { onnx } = await fitSecondStage(
    {
      rows,
      width: WIDTH,
      features,
      labels: { taken: labels('binary'), seconds: labels('log'), rating: labels('log') },
    },
    {
      ...secondStageSettings('dcn', WIDTH),
      columns: Array.from({ length: WIDTH }, (_, i) => ({ kind: 'numeric' as const, name: `f${i}` })),
      tasks: [
        { name: 'taken', kind: 'binary' },
        { name: 'seconds', kind: 'log' },
        { name: 'rating', kind: 'squared' },
      ],
      seed: 1,
      epochs: 1,
      batchSize: 128,
    },
  );
  return Scorer.open(onnx);
}

const SETTINGS = {
  exploration: { slots: { positions: [5, 10, 15] } },
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
