import type { Candidates } from '../../../common/columns.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { newPosteriors } from '../../../services/reranking/bandits/posteriors.ts';
import { type RerankingConfig, rerankingSchema } from '../../../services/reranking/config.ts';
import { ExposureLedger } from '../../../services/reranking/fairness/exposure-ledger.ts';
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
  readonly #world: MonthWorld;
  readonly #items: RuledItems;
  readonly #config: RerankingConfig;
  readonly #ledger: ExposureLedger;
  #stage: SlateStage | undefined;

  /** `settings`: the section `reranking` of a configuration. */
  constructor(world: MonthWorld, settings: Record<string, unknown>) {
    const { catalogue } = world;
    this.#world = world;
    this.#items = new RuledItems(catalogue);
    this.#config = rerankingSchema.parse(settings);
    const providers = this.#items.fields.values(this.#config.providerAttribute);
    this.#ledger = new ExposureLedger(this.#config.exposureHalfLife, providers, () => catalogue.size);
  }

  beginDay({ embeddings, popularity }: DailyRelevance): void {
    const { catalogue } = this.#world;
    const posteriors = newPosteriors(this.#config.exploration);
    const owned = {
      items: this.#items,
      ledger: this.#ledger,
      posteriors: () => posteriors,
      idOf: (item: number) => catalogue.idOf(item),
    };
    this.#stage = new SlateStage(owned, this.#config, {
      ...embeddings,
      popularity,
      settings: {},
    });
  }

  async choose({ request, timeMs, candidates, limit }: SlateRequest): Promise<Uint32Array> {
    const context = RequestContext.fromPartial({
      requestId: request,
      timeMs,
      quality: 1,
    });
    const slate = this.#stage?.choose({ candidates, context, nowMs: timeMs, limit, policy: '' });
    return slate?.candidates.items ?? new Uint32Array(0);
  }

  observe(): void {}
}
