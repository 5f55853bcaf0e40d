import type { WatchCatalogueRequest } from '../../gen/millrace/features/v1/features.ts';
import { Part } from '../bundle/manifest.ts';
import type { Bundle } from '../bundle/store.ts';
import { pause } from '../clock.ts';
import { MillraceError } from '../errors.ts';
import { rootCall } from '../rpc/call.ts';
import type { FeaturesService } from '../rpc/services.ts';
import type { Logger } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { Catalogue } from './catalogue.ts';

const RETRY_MS = 100;

/**
 * A stage's copy of the catalogue: a bundle's base, kept up to date by watching the features service. Each change is
 * acknowledged when it has been applied, so that the writer can answer only once every watcher knows. While the features service
 * is away the copy stays as it was, which is right, since nobody else can change the catalogue.
 */
export class CatalogueReplica {
  readonly #features: FeaturesService;
  readonly #watcher: string;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #catalogue: Catalogue | undefined;
  #basing: Promise<Catalogue> | undefined;
  #watching: Promise<void> | undefined;
  #connected = false;
  #settledEpoch = 0;

  /** `watcher`: the name under which the features service knows this copy. */
  constructor(options: { features: FeaturesService; watcher: string; log: Logger }) {
    this.#features = options.features;
    this.#watcher = options.watcher;
    this.#log = options.log;
  }

  /** The catalogue; BUNDLE_NOT_LOADED before the first bundle. */
  get catalogue(): Catalogue {
    if (this.#catalogue === undefined)
      throw new MillraceError('BUNDLE_NOT_LOADED', 'no bundle has brought a catalogue yet');
    return this.#catalogue;
  }

  get epoch(): number {
    return this.#catalogue?.epoch ?? 0;
  }

  /** Whether the copy is the catalogue as it was at `epoch`; false while one that was far behind catches up. */
  get settled(): boolean {
    return this.epoch >= this.#settledEpoch;
  }

  /** True while changes arrive. */
  get connected(): boolean {
    return this.#connected;
  }

  /**
   * Takes the first bundle's catalogue as the base and begins to watch; later bundles must be of the same lineage. Answers the
   * one catalogue.
   */
  async base(bundle: Bundle): Promise<Catalogue> {
    this.#basing ??= bundle.read(Part.catalogue).then((bytes) => {
      this.#catalogue = Catalogue.read(bytes);
      this.#watching = this.#watch(this.#catalogue);
      return this.#catalogue;
    });
    const catalogue = await this.#basing.catch((error) => {
      this.#basing = undefined;
      throw error;
    });
    if (bundle.manifest.lineage !== catalogue.lineage) {
      throw new MillraceError(
        'BUNDLE_DAMAGED',
        `bundle ${bundle.version} numbers items by lineage ${bundle.manifest.lineage}, this stage by ${catalogue.lineage}`,
      );
    }
    return catalogue;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  async #watch(catalogue: Catalogue): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#follow(catalogue, signal);
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ err: error }, 'catalogue watch ended; trying again');
      }
      this.#connected = false;
      await pause(RETRY_MS, signal);
    }
  }

  async #follow(catalogue: Catalogue, signal: AbortSignal): Promise<void> {
    const acknowledgements = new Acknowledgements(catalogue.epoch, this.#watcher);
    signal.addEventListener('abort', () => acknowledgements.end(), { once: true });
    try {
      for await (const { changes, epoch, lineage, settledEpoch } of this.#features.watchCatalogue(
        acknowledgements.stream(),
        rootCall({ signal }),
      )) {
        if (lineage !== catalogue.lineage) {
          this.#log.error(
            { lineage, expected: catalogue.lineage },
            'the features service numbers items by another lineage: train a new bundle',
          );
          return;
        }
        this.#settledEpoch = Math.max(this.#settledEpoch, settledEpoch);
        for (const change of changes) catalogue.apply(change);
        this.#connected = true;
        metrics.catalogueEpoch.set({ service: this.#watcher }, catalogue.epoch);
        acknowledgements.push(epoch);
      }
    } finally {
      acknowledgements.end();
    }
  }
}

/** The watcher's side of the stream: where to begin, then each epoch applied. */
class Acknowledgements {
  readonly #queue: WatchCatalogueRequest[];
  #wake: () => void = () => {};
  #ended = false;

  constructor(epoch: number, watcher: string) {
    this.#queue = [{ epoch, watcher }];
  }

  push(epoch: number): void {
    this.#queue.length = 0;
    this.#queue.push({ epoch, watcher: '' });
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *stream(): AsyncIterable<WatchCatalogueRequest> {
    while (!this.#ended) {
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
