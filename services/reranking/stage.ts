import { createHash } from 'node:crypto';
import { Candidates, Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import type { PopularityModel } from '../../common/models/popularity.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import type { RuleFiring, UnmetConstraint } from '../../gen/millrace/reranking/v1/reranking.ts';
import type { Exploration, RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { type ExploredSlate, SlateExploration } from './bandits/exploration.ts';
import { ItemContexts } from './bandits/item-contexts.ts';
import { ItemExplorer } from './bandits/item-explorer.ts';
import type { Posteriors } from './bandits/posteriors.ts';
import { policiesOf, type RerankingConfig } from './config.ts';
import { ExposureFloors } from './fairness/exposure-floors.ts';
import type { ExposureLedger } from './fairness/exposure-ledger.ts';
import { type ItemGroup, itemGroup } from './fairness/item-group.ts';
import { freshness } from './objectives/freshness.ts';
import { novelty } from './objectives/novelty.ts';
import type { ObjectiveRows } from './objectives/objective.ts';
import type { RuledItems } from './ruled-items.ts';
import { limitsOver } from './rules/limits/limits-over.ts';
import type { LimitOutcome, SlateLimits } from './rules/limits/slate-limits.ts';
import type { RuleOutcome, RuleSet } from './rules/rule-set.ts';
import { SlateAssembler } from './slate/assembler.ts';
import { type Shortlist, shortlistOf } from './slate/shortlist.ts';
import { CosineSimilarity } from './slate/similarity.ts';
import { SlatePolicy } from './slate/slate-policy.ts';

/** What a slate is asked for. */
export interface SlateRequest {
  /** With the ranking's scores. */
  readonly candidates: Candidates;
  /** A quality below 1 shrinks the depth. */
  readonly context: RequestContext;
  readonly nowMs: number;
  /** Length of the slate. */
  readonly limit: number;
  /** The policy's name; empty: the one in force. */
  readonly policy: string;
}

export interface SlateResult {
  /** The slate with `score.reranking` and `propensity`. */
  readonly candidates: Candidates;
  readonly firings: RuleFiring[];
  /** What could not be met, the rules' first. */
  readonly unmet: UnmetConstraint[];
  /** Identifies everything that decided how the slate was chosen. */
  readonly policyVersion: string;
  /** What was drawn: the whole slate's policy first, then slots. */
  readonly exploration: Exploration[];
}

/** What one bundle gives to the choice of slates. */
export interface SlateModels {
  /** `dim` values for each ordinal from 0; items past its end are unlike any other. */
  readonly embeddings: Float32Array;
  readonly dim: number;
  readonly popularity: PopularityModel | undefined;
  /** What the bundle sets where configuration leaves a policy's field open. */
  readonly settings: Record<string, unknown>;
}

/** What slates are chosen by beside a bundle's models. */
export interface SlateParts {
  readonly items: RuledItems;
  readonly ledger: ExposureLedger;
  /** What bandits have learnt, as of now. */
  readonly posteriors: () => Posteriors;
  /** The id of an ordinal. */
  readonly idOf: (ordinal: number) => string;
}

/** A slate by one policy, owned by its request. */
interface PolicySlate {
  readonly items: Uint32Array;
  readonly utilities: Float32Array;
  readonly firings: RuleFiring[];
  readonly unmet: UnmetConstraint[];
}

/** Chooses slates by one bundle. */
export class SlateStage {
  readonly #items: RuledItems;
  readonly #ledger: ExposureLedger;
  readonly #groups: readonly ItemGroup[];
  readonly #policies: ReadonlyMap<string, SlatePolicy>;
  readonly #policyInForce: string;
  readonly #exploration: SlateExploration | undefined;
  readonly #posteriors: () => Posteriors;
  readonly #floors: ExposureFloors;
  readonly #similarity: CosineSimilarity;
  readonly #assembler = new SlateAssembler();
  readonly #settings: string;
  #version = { parts: '', text: '' };

  constructor(owned: SlateParts, config: RerankingConfig, models: SlateModels) {
    const { items, ledger } = owned;
    const { fields } = items;
    const { popularity } = models;
    this.#items = items;
    this.#ledger = ledger;
    this.#similarity = new CosineSimilarity(models.embeddings, models.dim);
    const groups = new Map(
      Object.entries(config.groups).map(([name, group]) => [
        name,
        itemGroup(name, group, fields, popularity),
      ]),
    );
    this.#groups = [...groups.values()];
    const floors = config.floors.map(({ group, share }) => ({
      group: groups.get(group) as ItemGroup,
      share,
    }));
    this.#floors = new ExposureFloors(floors, config.floorBudget, ledger);
    const parts = { ...config, fields, ledger, popularity: popularity?.scores ?? new Float32Array(0) };
    const policies = policiesOf(config, models.settings);
    this.#settings = JSON.stringify({ ...config, policies: [...policies] });
    this.#policyInForce = config.policy;
    this.#policies = new Map(
      Array.from(policies, ([name, settings]) => [name, new SlatePolicy(settings, parts, groups)]),
    );
    this.#posteriors = owned.posteriors;
    const { slots, slates } = config.exploration;
    if (slots === undefined && slates === undefined) return;
    const contexts = new ItemContexts({
      categories: fields.values('categories'),
      freshness: freshness(fields.startMs, config.freshnessHalfLifeDays),
      novelty: novelty(parts.popularity),
    });
    const pool = slots?.pool.groups.map((name) => groups.get(name) as ItemGroup) ?? [];
    const explorer = slots && new ItemExplorer(slots, pool, contexts, owned.idOf);
    this.#exploration = new SlateExploration({ ...owned, slots, slates, explorer });
  }

  /** FIELD_INVALID where the request names a policy that there is not. A policy that is named is not drawn; slots are. */
  choose(request: SlateRequest): SlateResult {
    const { slate, propensities, exploration } = this.#explored(request);
    this.#ledger.record(slate.items, this.#groups, request.nowMs);
    for (const { slot } of exploration) {
      if (slot === undefined) continue;
      metrics.exploredSlotsTotal.inc();
      metrics.exploredPropensityTotal.inc(propensities[slot]);
    }
    const { items, utilities, firings, unmet } = slate;
    const columns = new Map([
      [Columns.reranking, utilities],
      [Columns.propensity, propensities],
    ]);
    return {
      candidates: new Candidates(items, columns),
      firings,
      unmet,
      policyVersion: this.policyVersion,
      exploration,
    };
  }

  /** Identifies everything that decides how slates are chosen now. */
  get policyVersion(): string {
    const posteriors = this.#exploration === undefined ? '' : this.#posteriors().version;
    const parts = `${this.#items.rules.version} ${posteriors}`;
    if (this.#version.parts !== parts) {
      const text = createHash('sha256').update(`${this.#settings} ${parts}`).digest('hex').slice(0, 16);
      this.#version = { parts, text };
    }
    return this.#version.text;
  }

  #explored(request: SlateRequest): ExploredSlate<PolicySlate> {
    const { context, policy: named } = request;
    const compose = (policy: string, explorer?: ItemExplorer): PolicySlate =>
      this.#slateBy(this.#policyOf(policy), request, explorer);
    if (this.#exploration !== undefined) return this.#exploration.choose(context, named, compose);
    const slate = compose(named);
    return { slate, propensities: new Float32Array(slate.items.length).fill(1), exploration: [] };
  }

  /** Empty: the one in force. */
  #policyOf(name: string): SlatePolicy {
    const policy = this.#policies.get(name === '' ? this.#policyInForce : name);
    if (policy !== undefined) return policy;
    throw fieldError('policy', `"${name}" is none of ${[...this.#policies.keys()].join(', ')}`);
  }

  /** The slate that a policy makes; no other slate is changed by it. */
  #slateBy(policy: SlatePolicy, request: SlateRequest, explorer: ItemExplorer | undefined): PolicySlate {
    const ruled = this.#rule(policy, request);
    const { rules, shortlist, firings, limits } = ruled;
    const { slate, utilities } = this.#assemble(policy, request, ruled, explorer);
    const limited = limits?.outcome() ?? NOTHING_LIMITED;
    return {
      items: Uint32Array.from(slate.rows, (row) => shortlist.items[row]),
      utilities: Float32Array.from(slate.rows, (row) => utilities[row]),
      firings: [
        ...firings,
        ...limited.firings.map(({ rule, row }) => firingOf(rules, rule, shortlist.items[row])),
      ],
      unmet: [
        ...limited.unmet.map(({ rule, slots }) => ({ constraint: `rule ${rules.rules[rule].name}`, slots })),
        ...slate.unmet,
      ],
    };
  }

  /** What the rules leave to choose from. */
  #rule(policy: SlatePolicy, { candidates, context, nowMs, limit }: SlateRequest) {
    const { items } = candidates;
    const { rules, fields } = this.#items;
    const scores = candidates.columns.get(Columns.relevance) ?? candidates.column(Columns.ranking);
    const outcome = rules.apply({ items, scores }, { context, nowMs, limit, set: policy.ruleSet });
    const quality = context.quality === 0 ? 1 : context.quality;
    const depth = Math.max(limit, Math.round(policy.depth * quality));
    const reserves = [...this.#floors.reserves(limit), ...policy.reserves(limit)];
    const shortlist = shortlistOf(items, outcome, depth, reserves, nowMs);
    const limits = limitsOver(rules, shortlist.candidateRows, shortlist.scores, fields);
    return { rules, shortlist, firings: firingsOf(rules, outcome, items), limits };
  }

  #assemble(
    policy: SlatePolicy,
    { candidates, nowMs, limit }: SlateRequest,
    { shortlist, limits }: { shortlist: Shortlist; limits: SlateLimits | undefined },
    explorer: ItemExplorer | undefined,
  ) {
    const { items, pins } = shortlist;
    const size = Math.min(limit, items.length);
    const rows = objectiveRows(shortlist, candidates, nowMs);
    explorer?.begin(rows, size, shortlist.bonuses);
    const order = policy.order(rows, size);
    const floors = this.#floors.constraints(items, size, nowMs);
    const constraints = [...(limits === undefined ? [] : [limits]), ...floors, ...order.constraints];
    this.#similarity.load(items);
    const slate = this.#assembler.assemble(
      { ...order, pins, constraints, explorer },
      policy.selector,
      this.#similarity,
      limit,
    );
    return { slate, utilities: order.utilities };
  }
}

const NOTHING_LIMITED: LimitOutcome = { firings: [], unmet: [] };

function firingsOf(rules: RuleSet, { firingRule, firingRow }: RuleOutcome, items: Uint32Array): RuleFiring[] {
  return Array.from(firingRule, (rule, i) => firingOf(rules, rule, items[firingRow[i]]));
}

function firingOf({ rules }: RuleSet, rule: number, item: number): RuleFiring {
  return { rule: rules[rule].name, effect: rules[rule].effect, item };
}

function objectiveRows(shortlist: Shortlist, { columns }: Candidates, nowMs: number): ObjectiveRows {
  const { items, scores, candidateRows } = shortlist;
  const column = (name: string): Float32Array | undefined => {
    const values = columns.get(name);
    return values && Float32Array.from(candidateRows, (row) => values[row]);
  };
  return { items, relevance: scores, column, nowMs };
}
