import type { BundleHost } from '../../../common/bundle/host.ts';
import type { Bundle } from '../../../common/bundle/store.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates, Columns, secondStageColumns } from '../../../common/columns.ts';
import type { FeatureWorld } from '../../../common/features/feature-world.ts';
import { requestTimeMs } from '../../../common/stage.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { decodeUser } from '../../../common/user-state.ts';
import { DegradedReason, type RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import type { RerankingConfig } from '../config.ts';
import { exportDrift, measuresDrift, type Sample } from './drift.ts';
import { SecondStage } from './second-stage.ts';

/** What re-ranking knows of a bundle's second stage. */
export interface Heavy {
  readonly heavy: SecondStage | undefined;
  /** The bundle whose model is the teacher of this one's; empty: none. */
  readonly parent: string;
}

/** The bundles that are loaded. */
type Bundles = Pick<BundleHost<Heavy>, 'use' | 'isReady' | 'loaded'>;

/** The candidates with the columns of the second stage, where it answered. */
interface Outcome {
  readonly scored: Candidates;
  readonly degraded: DegradedReason[];
}

/** The second stage of whichever bundle answers, and the drift of a share of the requests from its teacher. */
export class Scoring implements AsyncDisposable {
  readonly #config: Pick<RerankingConfig, 'secondStage' | 'driftShare'>;
  readonly #bundles: Bundles;
  readonly #world: FeatureWorld;
  readonly #log: Logger;

  /** `bundles`: those that were opened with `open`. Disposes of `world`. */
  constructor(
    config: Pick<RerankingConfig, 'secondStage' | 'driftShare'>,
    bundles: Bundles,
    world: FeatureWorld,
    log: Logger,
  ) {
    this.#config = config;
    this.#bundles = bundles;
    this.#world = world;
    this.#log = log;
  }

  /** Opens a bundle's second stage, if it has one and the configuration wants it. `base`: the catalogue that the bundle is part of. */
  async open(bundle: Bundle, base: Catalogue): Promise<Heavy> {
    const { parent } = bundle.manifest;
    if (!this.#config.secondStage) return { heavy: undefined, parent };
    return { heavy: await SecondStage.open(bundle, () => this.#world.items(base)), parent };
  }

  /** Names of the columns that the loaded bundles' models give. */
  get columns(): string[] {
    const names = new Set<string>();
    for (const { heavy } of this.#bundles.loaded()) for (const name of heavy?.columns ?? []) names.add(name);
    return [...names];
  }

  /** FIELD_INVALID where the user state is damaged; a model that fails leaves the candidates as they are. */
  async score(
    { candidates, context }: { candidates: Candidates; context: RequestContext },
    { heavy, parent }: Heavy,
    bundle: string,
  ): Promise<Outcome> {
    if (heavy === undefined || candidates.count === 0) return { scored: candidates, degraded: [] };
    const user = decodeUser(context.userState);
    const counters = this.#world.counters(heavy.counters);
    const input = { candidates, user, timeMs: requestTimeMs(context), counters, context };
    try {
      const scored = await heavy.score(input, context.quality === 0 ? 1 : context.quality);
      if (measuresDrift(context.requestId, this.#config.driftShare))
        this.#measureLater(bundle, parent, { input, scored, student: heavy });
      const whole = this.#world.connected && scored.fed.failed.length === 0;
      const degraded = whole ? [] : [DegradedReason.DEGRADED_REASON_FEATURES_FAILED];
      return { scored: scored.candidates, degraded };
    } catch (error) {
      this.#log.error({ bundle, err: error }, 'the second stage failed');
      return { scored: candidates, degraded: [DegradedReason.DEGRADED_REASON_MODEL_FAILED] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]();
  }

  /** After the answer has left, if the teacher's bundle is loaded. */
  #measureLater(bundle: string, parent: string, sample: Sample): void {
    if (parent === '' || !this.#bundles.isReady(parent)) return;
    const measured = this.#bundles.use(parent, async ({ heavy: teacher }) => {
      await new Promise(setImmediate);
      if (teacher !== undefined) await exportDrift(bundle, teacher, sample);
    });
    measured.catch((error) => this.#log.warn({ bundle, teacher: parent, err: error }, 'drift not measured'));
  }
}

/** The slate with what the second stage says of its items. */
export function withSecondStage(slate: Candidates, scored: Candidates): Candidates {
  if (!scored.columns.has(Columns.second)) return slate;
  const rows = Uint32Array.from(slate.items, (item) => scored.items.indexOf(item));
  const columns = new Map(slate.columns);
  for (const name of secondStageColumns) {
    const values = scored.columns.get(name);
    if (values === undefined) continue;
    columns.set(
      name,
      Float32Array.from(rows, (row) => values[row]),
    );
  }
  return new Candidates(slate.items, columns, slate.ids);
}
