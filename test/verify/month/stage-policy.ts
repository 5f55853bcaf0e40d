import type { Candidates } from '../../../common/columns.ts';
import { Decision, Feedback, RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action, RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { LearnerFold } from '../../../services/reranking/bandits/learner-fold.ts';
import {
  decodePosteriors,
  newPosteriors,
  type Posteriors,
} from '../../../services/reranking/bandits/posteriors.ts';
import { type RerankingConfig, rerankingSchema } from '../../../services/reranking/config.ts';
import { ExposureLedger } from '../../../services/reranking/fairness/exposure-ledger.ts';
import { RuledItems } from '../../../services/reranking/ruled-items.ts';
import { SlateStage } from '../../../services/reranking/stage.ts';
import type { EventColumns } from '../../../services/simulator/events.ts';
import type { DailyRelevance } from './relevance.ts';
import type { MonthWorld } from './world.ts';

/** One request for a slate. */
export interface SlateRequest {
  readonly requestId: string;
  readonly timeMs: number;
  readonly candidates: Candidates;
  readonly limit: number;
}

/**
 * The re-ranking stage under one configuration. Its embeddings are renewed each day, and what its bandits learnt from the days
 * before is in force from the morning on.
 */
export class StagePolicy {
  readonly #world: MonthWorld;
  readonly #items: RuledItems;
  readonly #config: RerankingConfig;
  readonly #ledger: ExposureLedger;
  readonly #fold: LearnerFold;
  readonly #explores: boolean;
  #posteriors: Posteriors;
  #stage: SlateStage | undefined;

  /** `settings`: the section `reranking` of a configuration. */
  constructor(world: MonthWorld, settings: Record<string, unknown>) {
    const { catalogue } = world;
    this.#world = world;
    this.#items = new RuledItems(catalogue);
    this.#config = rerankingSchema.parse(settings);
    const { exploration, providerAttribute, exposureHalfLife } = this.#config;
    const providers = this.#items.fields.values(providerAttribute);
    this.#ledger = new ExposureLedger(exposureHalfLife, providers, () => catalogue.size);
    this.#explores = exploration.slots !== undefined || exploration.slates !== undefined;
    this.#fold = LearnerFold.empty(exploration);
    this.#posteriors = newPosteriors(exploration);
  }

  /** Takes over what was learnt until this day. */
  beginDay({ embeddings, popularity }: DailyRelevance): void {
    const { exploration } = this.#config;
    if (this.#explores) this.#posteriors = decodePosteriors(exploration, this.#fold.posteriors());
    const { catalogue } = this.#world;
    const parts = {
      items: this.#items,
      ledger: this.#ledger,
      posteriors: () => this.#posteriors,
      idOf: (ordinal: number) => catalogue.idOf(ordinal),
    };
    this.#stage = new SlateStage(parts, this.#config, { ...embeddings, popularity, settings: {} });
  }

  /** The items to show, by ordinal. */
  choose({ requestId, timeMs, candidates, limit }: SlateRequest): Uint32Array {
    const context = RequestContext.fromPartial({ requestId, timeMs, quality: 1 });
    const slate = this.#stage?.choose({ candidates, context, nowMs: timeMs, limit, policy: '' });
    if (slate === undefined) return new Uint32Array(0);
    const { items } = slate.candidates;
    if (this.#explores) {
      const shown = Array.from(items, (item) => ({ itemId: this.#world.catalogue.idOf(item) }));
      const decision = Decision.fromPartial({ requestId, shown, exploration: slate.exploration });
      this.#learn([{ timeMs, decision }]);
    }
    return items;
  }

  /** What came of a slate. */
  observe(requestId: string, { count, actions, items, timesMs }: EventColumns): void {
    if (!this.#explores) return;
    const { audience } = this.#world;
    for (let row = 0; row < count; row++) {
      if (actions[row] === Action.ACTION_IMPRESSION) continue;
      const feedback = Feedback.fromPartial({
        requestId,
        itemId: audience.films[items[row]].id,
        action: actions[row] as Action,
      });
      this.#learn([{ timeMs: timesMs[row], feedback }]);
    }
  }

  #learn(events: readonly { timeMs: number; decision?: Decision; feedback?: Feedback }[]): void {
    const { offset } = this.#fold;
    const recorded = events.map((event, i) => RecordedEvent.fromPartial({ offset: offset + i, event }));
    this.#fold.apply(recorded, offset + events.length);
  }
}
