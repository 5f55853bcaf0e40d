import { Candidates, Columns } from '../../common/columns.ts';
import type { RuleFiring } from '../../gen/millrace/reranking/v1/reranking.ts';
import type { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import type { Policy } from './config.ts';
import { minMax } from './objectives/normalise.ts';
import type { RuledItems } from './ruled-items.ts';
import type { RuleOutcome } from './rules/rule-set.ts';
import { type Slate, SlateAssembler } from './slate/assembler.ts';
import { MmrSelector } from './slate/mmr.ts';
import { type Shortlist, shortlistOf } from './slate/shortlist.ts';
import { CosineSimilarity } from './slate/similarity.ts';
import { WindowCap } from './slate/window-cap.ts';

export interface SlateResult {
  /** The slate with `score.reranking` and `propensity`. */
  readonly candidates: Candidates;
  readonly firings: RuleFiring[];
}

/** Chooses slates by one bundle's embeddings and policy. */
export class SlateStage {
  readonly #items: RuledItems;
  readonly #policy: Policy;
  readonly #similarity: CosineSimilarity;
  readonly #selector: MmrSelector;
  readonly #caps: readonly WindowCap[];
  readonly #assembler = new SlateAssembler();

  /** `embeddings`: `dim` values for each ordinal from 0; items past its end are unlike any other. */
  constructor(items: RuledItems, policy: Policy, embeddings: Float32Array, dim: number) {
    this.#items = items;
    this.#policy = policy;
    this.#similarity = new CosineSimilarity(embeddings, dim);
    this.#selector = new MmrSelector(policy.lambda);
    this.#caps = policy.caps.map(
      ({ field, ...cap }) =>
        new WindowCap(items.fields.values(field), { name: `cap ${field}`, authority: 'objective', ...cap }),
    );
  }

  /** `context.quality` below 1 shrinks the depth. */
  async choose(
    candidates: Candidates,
    context: RequestContext,
    nowMs: number,
    limit: number,
  ): Promise<SlateResult> {
    const ruled = this.#rule(candidates, context, nowMs, limit);
    const slate = this.#assemble(ruled.shortlist, limit);
    return { candidates: slateColumns(ruled.shortlist, slate), firings: ruled.firings };
  }

  /** What the rules leave to choose from; nothing of it is memory that another request may overwrite. */
  #rule(candidates: Candidates, context: RequestContext, nowMs: number, limit: number) {
    const { items } = candidates;
    const scores = candidates.column(Columns.ranking);
    const outcome = this.#items.rules.apply({ items, scores }, context, nowMs, limit);
    const quality = context.quality === 0 ? 1 : context.quality;
    const depth = Math.max(limit, Math.round(this.#policy.depth * quality));
    return { shortlist: shortlistOf(items, outcome, depth), firings: this.#firingsOf(outcome, items) };
  }

  #assemble({ items, scores, pins }: Shortlist, limit: number): Slate {
    const utilities = new Float64Array(items.length);
    minMax(scores, utilities);
    this.#similarity.load(items);
    const order = { items, utilities, pins, constraints: this.#caps };
    return this.#assembler.assemble(order, this.#selector, this.#similarity, limit);
  }

  #firingsOf({ firingRule, firingRow }: RuleOutcome, items: Uint32Array): RuleFiring[] {
    const { rules } = this.#items.rules;
    return Array.from(firingRule, (rule, i) => ({
      rule: rules[rule].name,
      effect: rules[rule].effect,
      item: items[firingRow[i]],
    }));
  }
}

function slateColumns({ items, scores }: Shortlist, { rows, propensities }: Slate): Candidates {
  return new Candidates(
    Uint32Array.from(rows, (row) => items[row]),
    new Map([
      [Columns.reranking, Float32Array.from(rows, (row) => scores[row])],
      [Columns.propensity, propensities.slice()],
    ]),
  );
}
