import type { Candidates } from '../../../common/columns.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { type Policy, policyOf, rerankingSchema } from '../../../services/reranking/config.ts';
import { RuledItems } from '../../../services/reranking/ruled-items.ts';
import { SlateStage } from '../../../services/reranking/stage.ts';
import type { EventColumns } from '../../../services/simulator/events.ts';
import type { DailyRelevance } from './relevance.ts';
import type { MonthWorld } from './world.ts';

/** One request for a slate. */
export interface SlateRequest {
  readonly user: number;
  readonly request: string;
  readonly timeMs: number;
  readonly candidates: Candidates;
  readonly limit: number;
}

/** What chooses slates for a month. */
export interface SlatePolicy {
  /** Takes over what was learnt until this day. */
  beginDay(relevance: DailyRelevance, dayMs: number): void;
  /** The items to show, by ordinal. */
  choose(request: SlateRequest): Promise<Uint32Array>;
  /** What came of a slate. */
  observe(request: string, events: EventColumns): void;
}

/** The re-ranking stage with one policy, its embeddings renewed each day. */
export class StagePolicy implements SlatePolicy {
  readonly #items: RuledItems;
  readonly #policy: Policy;
  #stage: SlateStage | undefined;

  constructor({ catalogue }: MonthWorld, settings: Record<string, unknown>) {
    this.#items = new RuledItems(catalogue, [], () => {});
    this.#policy = policyOf(rerankingSchema.parse(settings), {});
  }

  beginDay({ embeddings }: DailyRelevance): void {
    this.#stage = new SlateStage(this.#items, this.#policy, embeddings.values, embeddings.dim);
  }

  async choose({ request, timeMs, candidates, limit }: SlateRequest): Promise<Uint32Array> {
    const context = RequestContext.fromPartial({
      requestId: request,
      timeMs,
      quality: 1,
    });
    const slate = await this.#stage?.choose(candidates, context, timeMs, limit);
    return slate?.candidates.items ?? new Uint32Array(0);
  }

  observe(): void {}
}
