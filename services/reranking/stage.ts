import { createHash } from 'node:crypto';
import { Candidates, Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import type { PopularityModel } from '../../common/models/popularity.ts';
import type { RuleFiring, UnmetConstraint } from '../../gen/millrace/reranking/v1/reranking.ts';
import type { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { policiesOf, type RerankingConfig } from './config.ts';
import { ExposureFloors } from './fairness/exposure-floors.ts';
import type { ExposureLedger } from './fairness/exposure-ledger.ts';
import { type ItemGroup, itemGroup } from './fairness/item-group.ts';
import type { ObjectiveRows } from './objectives/objective.ts';
import type { RuledItems } from './ruled-items.ts';
import { limitsOver } from './rules/limits/limits-over.ts';
import type { LimitOutcome, SlateLimits } from './rules/limits/slate-limits.ts';
import type { RuleOutcome, RuleSet } from './rules/rule-set.ts';
import { type Slate, SlateAssembler } from './slate/assembler.ts';
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

/** Chooses slates by one bundle. */
export class SlateStage {
  readonly #items: RuledItems;
  readonly #ledger: ExposureLedger;
  readonly #groups: readonly ItemGroup[];
  readonly #policies: ReadonlyMap<string, SlatePolicy>;
  readonly #policyInForce: string;
  readonly #floors: ExposureFloors;
  readonly #similarity: CosineSimilarity;
  readonly #assembler = new SlateAssembler();
  readonly #settings: string;
  #version = { rules: '-', text: '' };

  constructor(items: RuledItems, ledger: ExposureLedger, config: RerankingConfig, models: SlateModels) {
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
  }

  /** FIELD_INVALID where the request names a policy that there is not. */
  choose(request: SlateRequest): SlateResult {
    const result = this.#slateBy(this.#policyOf(request), request);
    this.#ledger.record(result.candidates.items, this.#groups, request.nowMs);
    return result;
  }

  #policyOf({ policy: name }: SlateRequest): SlatePolicy {
    const policy = this.#policies.get(name === '' ? this.#policyInForce : name);
    if (policy !== undefined) return policy;
    throw fieldError('policy', `"${name}" is none of ${[...this.#policies.keys()].join(', ')}`);
  }

  /** The slate that a policy makes; no other slate is changed by it. */
  #slateBy(policy: SlatePolicy, request: SlateRequest): SlateResult {
    const { rules, shortlist, firings, limits } = this.#rule(policy, request);
    const { slate, utilities } = this.#assemble(policy, request, shortlist, limits);
    const limited = limits?.outcome() ?? NOTHING_LIMITED;
    return {
      candidates: slateColumns(shortlist, slate, utilities),
      firings: [
        ...firings,
        ...limited.firings.map(({ rule, row }) => firingOf(rules, rule, shortlist.items[row])),
      ],
      unmet: [
        ...limited.unmet.map(({ rule, slots }) => ({ constraint: `rule ${rules.rules[rule].name}`, slots })),
        ...slate.unmet,
      ],
      policyVersion: this.policyVersion,
    };
  }

  /** Identifies everything that decides how slates are chosen now. */
  get policyVersion(): string {
    const { version } = this.#items.rules;
    if (this.#version.rules !== version) {
      const text = createHash('sha256').update(`${this.#settings} ${version}`).digest('hex').slice(0, 16);
      this.#version = { rules: version, text };
    }
    return this.#version.text;
  }

  /** What the rules leave to choose from. */
  #rule(policy: SlatePolicy, { candidates, context, nowMs, limit }: SlateRequest) {
    const { items } = candidates;
    const { rules, fields } = this.#items;
    const scores = candidates.column(Columns.ranking);
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
    shortlist: Shortlist,
    limits: SlateLimits | undefined,
  ) {
    const { items, pins } = shortlist;
    const size = Math.min(limit, items.length);
    const order = policy.order(objectiveRows(shortlist, candidates, nowMs), size);
    const floors = this.#floors.constraints(items, size, nowMs);
    const constraints = [...(limits === undefined ? [] : [limits]), ...floors, ...order.constraints];
    this.#similarity.load(items);
    const slate = this.#assembler.assemble(
      { ...order, pins, constraints },
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

function slateColumns(
  { items }: Shortlist,
  { rows, propensities }: Slate,
  utilities: ArrayLike<number>,
): Candidates {
  return new Candidates(
    Uint32Array.from(rows, (row) => items[row]),
    new Map([
      [Columns.reranking, Float32Array.from(rows, (row) => utilities[row])],
      [Columns.propensity, propensities.slice()],
    ]),
  );
}
