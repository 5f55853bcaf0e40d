import { bestFirst } from '../../common/best-first.ts';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ItemCategories } from '../../common/catalogue/item-categories.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import type { RuleFiring } from '../../gen/millrace/reranking/v1/reranking.ts';
import type { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import type { Policy } from './config.ts';
import { CategoryCap } from './objectives/category-cap.ts';
import { MmrSelector } from './objectives/mmr.ts';
import { CosineSimilarity } from './objectives/similarity.ts';
import { type RuleOutcome, RuleSet } from './rules/rule-set.ts';
import type { Rule } from './rules/schema.ts';

/** What follows the catalogue, for all bundles: categories and the rules' masks. */
export class RuledItems {
  readonly categories = new ItemCategories();
  readonly rules: RuleSet;
  readonly #stop: () => void;

  /** Throws CONFIG_INVALID if rules contradict each other; `warn` hears of conditions that no item meets. */
  constructor(catalogue: Catalogue, rules: readonly Rule[], warn: (warning: string) => void) {
    this.rules = new RuleSet(rules);
    const follow = (ordinal: number): void => {
      const item = catalogue.item(ordinal);
      this.categories.set(ordinal, item?.categories ?? []);
      this.rules.setItem(ordinal, item);
    };
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) follow(ordinal);
    for (const warning of this.rules.check((ordinal) => catalogue.idOf(ordinal))) warn(warning);
    this.#stop = catalogue.onChange(follow);
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }
}

export interface SlateResult {
  /** The slate with `score.reranking` and `propensity`. */
  readonly candidates: Candidates;
  readonly firings: RuleFiring[];
}

/** Chooses slates by one bundle's embeddings and policy: rules first, then maximal marginal relevance under the category cap. */
export class SlateStage {
  readonly #items: RuledItems;
  readonly #policy: Policy;
  readonly #similarity: CosineSimilarity;
  readonly #selector: MmrSelector;
  readonly #cap: CategoryCap | undefined;

  /** `embeddings`: `dim` values for each ordinal from 0; items past its end are unlike any other. */
  constructor(items: RuledItems, policy: Policy, embeddings: Float32Array, dim: number) {
    this.#items = items;
    this.#policy = policy;
    this.#similarity = new CosineSimilarity(embeddings, dim);
    this.#selector = new MmrSelector({ lambda: policy.lambda, relevance: 'min-max' });
    this.#cap =
      policy.categoryCap === undefined ? undefined : new CategoryCap(items.categories, policy.categoryCap);
  }

  /** `context.quality` below 1 shrinks the depth. Nothing is drawn, so every propensity is 1. */
  choose(candidates: Candidates, context: RequestContext, nowMs: number, limit: number): SlateResult {
    const scores = candidates.column(Columns.ranking);
    const ruled = this.#items.rules.apply({ items: candidates.items, scores }, context, nowMs, limit);
    const quality = context.quality === 0 ? 1 : context.quality;
    const depth = Math.max(limit, Math.round(this.#policy.depth * quality));
    const shortlist = shortlistOf(candidates.items, ruled, depth);
    const items = shortlist.map((row) => candidates.items[row]);
    this.#similarity.load(items);
    const slate = this.#selector.select(
      {
        items,
        scores: Float32Array.from(shortlist, (row) => ruled.scores[row]),
        pins: pinsIn(shortlist, ruled.pins),
      },
      this.#similarity,
      limit,
      this.#cap,
    );
    const chosen = Uint32Array.from(slate.rows, (row) => items[row]);
    const adjusted = Float32Array.from(slate.rows, (row) => ruled.scores[shortlist[row]]);
    const propensity = new Float32Array(chosen.length).fill(1);
    return {
      candidates: new Candidates(
        chosen,
        new Map([
          [Columns.reranking, adjusted],
          [Columns.propensity, propensity],
        ]),
      ),
      firings: this.#firingsOf(ruled, candidates.items),
    };
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

/** The rows that the slate is chosen from: the best `depth` by adjusted score that are not excluded, and all pinned ones. */
function shortlistOf(
  items: Uint32Array,
  { scores, excluded, pins }: RuleOutcome,
  depth: number,
): Uint32Array {
  const best = firstAllowed(bestFirst(scores, items), excluded, depth);
  const missing = pins.filter((row) => row >= 0 && !best.includes(row));
  return Uint32Array.of(...best, ...missing);
}

/** The first `limit` of the rows that are not excluded. */
function firstAllowed(rows: Uint32Array, excluded: Uint8Array, limit: number): Uint32Array {
  let count = 0;
  for (let at = 0; at < rows.length && count < limit; at++)
    if (excluded[rows[at]] === 0) rows[count++] = rows[at];
  return rows.subarray(0, count);
}

/** The pins as rows of the shortlist. */
function pinsIn(shortlist: Uint32Array, pins: Int32Array): Int32Array {
  return pins.map((row) => (row < 0 ? -1 : shortlist.indexOf(row)));
}
