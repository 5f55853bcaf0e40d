import { BundleHost } from '../../common/bundle/host.ts';
import { Part } from '../../common/bundle/manifest.ts';
import type { BundleStore, Live } from '../../common/bundle/store.ts';
import type { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { pause } from '../../common/clock.ts';
import { u32Of } from '../../common/columns.ts';
import type { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import type { StageService } from '../../common/rpc/services.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import type { OrchestratorConfig, StageName } from './config.ts';
import { assignVariant } from './experiment.ts';

/** What the orchestrator itself needs of a bundle. */
export interface Fallback {
  /** Vetted popular items, best first. */
  readonly items: Uint32Array;
}

/** Which bundle answers a request, and why. */
interface Route {
  readonly bundle: string;
  readonly variant: string;
  /** True if the variant's bundle is not live and the champion stands in. */
  readonly substituted: boolean;
}

const STAGE_TIMEOUT_MS = 60_000;
const REFUSED_RETRY_MS = 5_000;

/**
 * Decides which bundle answers, and brings bundles up and down in all stages: a new one goes live when every stage reports it
 * READY, and one that `live.json` no longer names is unloaded everywhere when no request uses it. One that is refused leaves the
 * old one in place, also at a start.
 */
export class Routes {
  readonly host: BundleHost<Fallback>;
  readonly #store: BundleStore;
  readonly #stages: ReadonlyMap<string, StageService>;
  readonly #experiment: OrchestratorConfig['experiment'];
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #announced = new Set<string>();
  readonly #sendUserState: OrchestratorConfig['sendUserState'];
  /** Stages that declare to need no user state. */
  readonly #stateless = new Set<string>();
  /** Bundles that could not be loaded here, and when to try again. */
  readonly #refused = new Map<string, number>();
  #live: Live | undefined;
  #polling: Promise<void> = Promise.resolve();

  /** `stages`: the StageService of every routed stage, by name. */
  constructor(options: {
    store: BundleStore;
    stages: ReadonlyMap<string, StageService>;
    catalogue: CatalogueReplica;
    config: OrchestratorConfig;
    log: Logger;
  }) {
    this.#store = options.store;
    this.#stages = options.stages;
    this.#experiment = options.config.experiment;
    this.#sendUserState = options.config.sendUserState;
    this.#log = options.log;
    this.host = new BundleHost<Fallback>({
      store: options.store,
      log: options.log,
      load: async (bundle) => {
        await options.catalogue.base(bundle);
        return { items: u32Of(await bundle.read(Part.fallback)) };
      },
    });
  }

  /**
   * Loads what is live and follows `live.json`. `warmUp` is called with a bundle before it goes live, `changed` is told whether
   * requests can be answered.
   */
  start(
    pollMs: number,
    warmUp: (version: string) => Promise<void>,
    changed: (serving: boolean) => void,
  ): void {
    const loop = async (): Promise<void> => {
      while (!this.#stopping.signal.aborted) {
        await this.#follow(warmUp).catch((error) =>
          this.#log.error({ err: error }, 'bundles could not be followed'),
        );
        changed(this.#live !== undefined);
        await pause(pollMs, this.#stopping.signal);
      }
    };
    this.#polling = loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
  }

  /** Whether a stage gets the user state: as configured, else as it declared when it loaded its latest bundle. */
  readsUserState(stage: StageName): boolean {
    return this.#sendUserState?.includes(stage) ?? !this.#stateless.has(stage);
  }

  /** The bundle for a user. */
  route(userId: string): Route {
    const champion = this.#live?.champion ?? '';
    const variant = assignVariant(this.#experiment, userId);
    if (variant === undefined) return { bundle: champion, variant: '', substituted: false };
    const named = this.#live?.[variant.bundle as keyof Live] ?? variant.bundle;
    const loaded = this.host.isReady(named);
    return { bundle: loaded ? named : champion, variant: variant.name, substituted: !loaded };
  }

  async #follow(warmUp: (version: string) => Promise<void>): Promise<void> {
    const wanted = await this.#store.live();
    if (wanted === undefined) return;
    for (const version of versionsOf(wanted)) await this.#tryToBringUp(version);
    if (!this.host.isReady(wanted.champion)) {
      const { previous } = wanted;
      if (this.#live !== undefined || previous === undefined || !this.host.isReady(previous)) return;
      this.#log.error(
        { champion: wanted.champion, previous },
        'the champion is refused; the previous one serves',
      );
      this.#switchTo({ ...wanted, champion: previous });
      return;
    }
    const everywhere = this.#announced.has(wanted.champion);
    if (this.#live === undefined || everywhere) {
      if (this.#live?.champion !== wanted.champion) await warmUp(wanted.champion);
      this.#switchTo(wanted);
    }
    await this.#bringDown();
  }

  #switchTo(wanted: Live): void {
    if (this.#live?.champion !== wanted.champion)
      this.#log.info({ bundle: wanted.champion }, 'bundle is live');
    this.host.setChampion(wanted.champion);
    this.#live = wanted;
  }

  /** A bundle that is refused does not hold the others up, and is tried again only after a while. */
  async #tryToBringUp(version: string): Promise<void> {
    if (Date.now() < (this.#refused.get(version) ?? 0)) return;
    try {
      await this.#bringUp(version);
      this.#refused.delete(version);
    } catch (error) {
      this.#refused.set(version, Date.now() + REFUSED_RETRY_MS);
      this.#log.error({ bundle: version, err: error }, 'bundle refused');
    }
  }

  /** Loads the bundle here and in every stage; remembers it once all have it. */
  async #bringUp(version: string): Promise<void> {
    if (!this.host.isReady(version)) await this.host.load(version);
    if (this.#announced.has(version)) return;
    const refusals = await Promise.all(
      [...this.#stages].map(([name, stage]) => this.#loadIn(name, stage, version)),
    );
    if (refusals.every((refusal) => !refusal)) this.#announced.add(version);
  }

  async #loadIn(name: string, stage: StageService, version: string): Promise<boolean> {
    const call = rootCall({ timeoutMs: STAGE_TIMEOUT_MS, signal: this.#stopping.signal });
    try {
      await stage.loadBundle({ version }, call);
      const { needsUserState } = await stage.describe({}, call);
      if (needsUserState) this.#stateless.delete(name);
      else this.#stateless.add(name);
      return false;
    } catch (error) {
      if ((error as MillraceError).reason === 'METHOD_UNKNOWN') return false;
      this.#log.warn({ stage: name, bundle: version, err: error }, 'stage did not load the bundle');
      return true;
    }
  }

  async #bringDown(): Promise<void> {
    const wanted = new Set(this.#live === undefined ? [] : versionsOf(this.#live));
    for (const version of this.#announced) {
      if (wanted.has(version)) continue;
      this.host.unload(version);
      if (this.host.isKnown(version)) continue;
      this.#announced.delete(version);
      const call = rootCall({ timeoutMs: STAGE_TIMEOUT_MS, signal: this.#stopping.signal });
      for (const stage of this.#stages.values()) await stage.unloadBundle({ version }, call).catch(() => {});
    }
  }
}

function versionsOf(live: Live): string[] {
  return [...new Set([live.champion, live.previous, live.challenger])].filter(
    (version) => version !== undefined,
  );
}
