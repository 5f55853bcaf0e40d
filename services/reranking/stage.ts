import { createHash } from 'node:crypto';
import { Candidates, Columns } from '../../common/columns.ts';
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
  readonly #policy: SlatePolicy;
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
    const settings = policies.get(config.policy);
    this.#policy = new SlatePolicy(settings!, parts, groups);
  }

  /** `context.quality` below 1 shrinks the depth. */
  choose(candidates: Candidates, context: RequestContext, nowMs: number, limit: number): SlateResult {
    const { rules, shortlist, firings, limits } = this.#rule(candidates, context, nowMs, limit);
    const { slate, utilities } = this.#assemble(shortlist, limits, candidates, nowMs, limit);
    const chosen = slateColumns(shortlist, slate, utilities);
    this.#ledger.record(chosen.items, this.#groups, nowMs);
    const limited = limits?.outcome() ?? NOTHING_LIMITED;
    return {
      candidates: chosen,
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
  #rule(candidates: Candidates, context: RequestContext, nowMs: number, limit: number) {
    const { items } = candidates;
    const { rules, fields } = this.#items;
    const scores = candidates.column(Columns.ranking);
    const outcome = rules.apply({ items, scores }, { context, nowMs, limit, set: this.#policy.ruleSet });
    const quality = context.quality === 0 ? 1 : context.quality;
    const depth = Math.max(limit, Math.round(this.#policy.depth * quality));
    const reserves = [...this.#floors.reserves(limit), ...this.#policy.reserves(limit)];
    const shortlist = shortlistOf(items, outcome, depth, reserves, nowMs);
    const limits = limitsOver(rules, shortlist.candidateRows, shortlist.scores, fields);
    return { rules, shortlist, firings: firingsOf(rules, outcome, items), limits };
  }

  #assemble(
    shortlist: Shortlist,
    limits: SlateLimits | undefined,
    candidates: Candidates,
    nowMs: number,
    limit: number,
  ) {
    const { items, pins } = shortlist;
    const size = Math.min(limit, items.length);
    const order = this.#policy.order(objectiveRows(shortlist, candidates, nowMs), size);
    const floors = this.#floors.constraints(items, size, nowMs);
    const constraints = [...(limits === undefined ? [] : [limits]), ...floors, ...order.constraints];
    this.#similarity.load(items);
    const slate = this.#assembler.assemble(
      { ...order, pins, constraints },
      this.#policy.selector,
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
