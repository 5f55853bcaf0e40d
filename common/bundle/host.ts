import { BundleState, type BundleStatus } from '../../gen/millrace/stage/v1/stage.ts';
import { asMillraceError, MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Bundle, BundleStore } from './store.ts';

interface Slot<T> {
  state: BundleState;
  loaded: T | undefined;
  loading: Promise<void>;
  sizeBytes: number;
  pins: number;
  error: string;
}

/** The bundles that one stage has loaded, what it made of each (`T`), and how many requests use them. */
export class BundleHost<T> {
  readonly #store: BundleStore;
  readonly #load: (bundle: Bundle) => Promise<T>;
  readonly #unload: (loaded: T) => void;
  readonly #log: Logger;
  readonly #slots = new Map<string, Slot<T>>();
  #champion = '';
  #liveText = '';

  /** `load` builds what the stage needs; it throws if the bundle does not suit. `unload` frees what memory management does not. */
  constructor(options: {
    store: BundleStore;
    log: Logger;
    load: (bundle: Bundle) => Promise<T>;
    unload?: (loaded: T) => void;
  }) {
    this.#store = options.store;
    this.#load = options.load;
    this.#unload = options.unload ?? (() => {});
    this.#log = options.log;
  }

  /**
   * Loads what `live.json` names, if it has changed or its champion is not READY. A bundle that fails is reported and left out,
   * and the old champion goes on.
   */
  async loadLive(): Promise<void> {
    const live = await this.#store
      .live()
      .catch((error) => this.#log.error({ err: error }, 'live.json cannot be read'));
    if (!live) return;
    const text = JSON.stringify(live);
    if (text === this.#liveText && this.isReady(live.champion)) return;
    this.#liveText = text;
    for (const version of new Set([live.champion, live.previous, live.challenger])) {
      if (version === undefined) continue;
      await this.load(version).catch((error) =>
        this.#log.error({ bundle: version, err: error }, 'bundle refused'),
      );
    }
    this.setChampion(live.champion);
  }

  /** Answers when the bundle is READY. Idempotent; a failed one is tried again. */
  async load(version: string): Promise<BundleStatus> {
    const known = this.#slots.get(version);
    if (known === undefined || known.state === BundleState.BUNDLE_STATE_FAILED) this.#begin(version);
    else if (known.state === BundleState.BUNDLE_STATE_DRAINING) known.state = BundleState.BUNDLE_STATE_READY;
    await this.#slots.get(version)?.loading;
    return this.#status(version);
  }

  #begin(version: string): void {
    const slot: Slot<T> = {
      state: BundleState.BUNDLE_STATE_LOADING,
      loaded: undefined,
      loading: Promise.resolve(),
      sizeBytes: 0,
      pins: 0,
      error: '',
    };
    this.#slots.set(version, slot);
    slot.loading = (async () => {
      try {
        const bundle = await this.#store.open(version);
        slot.loaded = await this.#load(bundle);
        slot.sizeBytes = bundle.sizeBytes();
        slot.state = BundleState.BUNDLE_STATE_READY;
        if (this.#champion === '') this.#champion = version;
      } catch (thrown) {
        slot.state = BundleState.BUNDLE_STATE_FAILED;
        slot.error = asMillraceError(thrown).message;
        throw thrown;
      }
    })();
    slot.loading.catch(() => {});
  }

  /** Takes no new requests for the bundle and frees it when the last one has ended. */
  unload(version: string): void {
    const slot = this.#slots.get(version);
    if (slot === undefined) return;
    if (version === this.#champion && slot.state === BundleState.BUNDLE_STATE_READY) {
      throw new MillraceError('BUNDLE_PINNED', `bundle ${version} is the champion`, {
        metadata: { bundle: version },
      });
    }
    slot.state = BundleState.BUNDLE_STATE_DRAINING;
    this.#freeIfUnused(version, slot);
  }

  /** The bundle that answers requests that name none. */
  setChampion(version: string): void {
    if (this.#slots.get(version)?.state === BundleState.BUNDLE_STATE_READY) this.#champion = version;
  }

  get champion(): string {
    return this.#champion;
  }

  get ready(): boolean {
    return this.#champion !== '';
  }

  /** Runs `work` with the bundle named (empty: the champion), pinned while it runs; BUNDLE_NOT_LOADED without it. */
  async use<R>(version: string, work: (loaded: T, version: string) => Promise<R> | R): Promise<R> {
    const name = version === '' ? this.#champion : version;
    const slot = this.#slots.get(name);
    if (slot?.state !== BundleState.BUNDLE_STATE_READY) {
      throw new MillraceError('BUNDLE_NOT_LOADED', `bundle ${name || '(none)'} is not loaded`, {
        metadata: { bundle: name },
      });
    }
    slot.pins++;
    try {
      return await work(slot.loaded as T, name);
    } finally {
      slot.pins--;
      this.#freeIfUnused(name, slot);
    }
  }

  isReady(version: string): boolean {
    return this.#slots.get(version)?.state === BundleState.BUNDLE_STATE_READY;
  }

  /** True until the bundle is unloaded and no request uses it. */
  isKnown(version: string): boolean {
    return this.#slots.has(version);
  }

  /** What the stage made of every READY bundle. */
  *loaded(): Iterable<T> {
    for (const slot of this.#slots.values()) if (slot.loaded !== undefined) yield slot.loaded;
  }

  list(): BundleStatus[] {
    return [...this.#slots.keys()]
      .sort()
      .reverse()
      .map((version) => this.#status(version));
  }

  #status(version: string): BundleStatus {
    const { state, sizeBytes, pins, error } = this.#slots.get(version) as Slot<T>;
    return { version, state, sizeBytes, pins, error };
  }

  #freeIfUnused(version: string, slot: Slot<T>): void {
    if (slot.state !== BundleState.BUNDLE_STATE_DRAINING || slot.pins > 0) return;
    this.#slots.delete(version);
    if (slot.loaded !== undefined) this.#unload(slot.loaded);
  }
}
