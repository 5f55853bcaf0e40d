import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Catalogue } from './catalogue.ts';

const EVENT_ID = /^catalogue:(([^:]+):(\d+)-[^:]+):(\d+)$/;
const APPLIED_MAX = 64;

/**
 * The catalogue as the fold of the log. Changes come in batches; a batch whose first epoch is not the next one was planned on a
 * state that another writer has since changed, and is void as a whole. So of two writers, or of two tries of which the first was
 * thought lost, one succeeds. Void too is what no writer of the catalogue appends: an event id of another form, a change of an
 * ordinal that was never given.
 */
export class CatalogueFold {
  readonly catalogue: Catalogue;
  /** The last epoch of the latest batches that counted, oldest batch first. */
  readonly #applied = new Map<string, number>();
  #lastBatch: string;

  /** `catalogue` and `lastBatch`: where to go on from, as after a snapshot. */
  constructor(catalogue = new Catalogue(''), lastBatch = '') {
    this.catalogue = catalogue;
    this.#lastBatch = lastBatch;
  }

  /** The latest batch that counted, of which more may follow; empty if none did. */
  get lastBatch(): string {
    return this.#lastBatch;
  }

  /** Whether the batch `<lineage>:<first epoch>-<nonce>`, one of the latest, counted up to an epoch. */
  hasApplied(batch: string, epoch: number): boolean {
    return (this.#applied.get(batch) ?? 0) >= epoch;
  }

  /** Applies a catalogue event in log order; answers whether it counts. */
  apply({ eventId, catalogue: change }: Event): boolean {
    const match = EVENT_ID.exec(eventId);
    if (match === null || change === undefined) return false;
    const [, batch, lineage, firstEpoch, epoch] = match;
    const { catalogue } = this;
    const isFirst = catalogue.size === 0;
    const next = catalogue.epoch + 1;
    const follows = Number(epoch) === next && (Number(firstEpoch) === next || batch === this.#lastBatch);
    const given = change.ordinal < catalogue.size + (change.upsert === undefined ? 0 : 1);
    if (!follows || !given || !(isFirst || lineage === catalogue.lineage)) return false;
    if (isFirst) catalogue.lineage = lineage;
    catalogue.apply(change);
    this.#lastBatch = batch;
    this.#applied.set(batch, change.epoch);
    if (this.#applied.size > APPLIED_MAX) this.#applied.delete(this.#applied.keys().next().value as string);
    return true;
  }
}
