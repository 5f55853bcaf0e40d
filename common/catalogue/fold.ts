import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { MillraceError } from '../errors.ts';
import { Catalogue } from './catalogue.ts';

const EVENT_ID = /^catalogue:(([^:]+):(\d+)-[^:]+):(\d+)$/;
const APPLIED_MAX = 64;

/**
 * The catalogue as the fold of the log. Changes come in batches; a batch whose first epoch is not the next one was planned on a
 * state that another writer has since changed, and is void as a whole. So of two writers, or of two tries of which the first was
 * thought lost, one succeeds.
 */
export class CatalogueFold {
  readonly catalogue: Catalogue;
  /** The latest batches that counted, newest last. */
  #applied: string[] = [];

  /** `catalogue`: where to go on from, as after a snapshot. */
  constructor(catalogue = new Catalogue('')) {
    this.catalogue = catalogue;
  }

  /** Whether the batch `<lineage>:<first epoch>-<nonce>` is among the latest that counted. */
  hasApplied(batch: string): boolean {
    return this.#applied.includes(batch);
  }

  /** Applies a catalogue event in log order; answers whether it counts. */
  apply({ eventId, catalogue: change }: Event): boolean {
    const match = EVENT_ID.exec(eventId);
    if (match === null || change === undefined) {
      throw new MillraceError(
        'INTERNAL',
        `the log holds a catalogue event of unknown form: ${JSON.stringify(eventId)}`,
      );
    }
    const [, batch, lineage, firstEpoch, epoch] = match;
    const { catalogue } = this;
    if (catalogue.size === 0) catalogue.lineage = lineage;
    const next = catalogue.epoch + 1;
    const follows = Number(epoch) === next && (Number(firstEpoch) === next || batch === this.#applied.at(-1));
    if (!follows || lineage !== catalogue.lineage) return false;
    catalogue.apply(change);
    if (batch !== this.#applied.at(-1)) this.#applied = [...this.#applied.slice(1 - APPLIED_MAX), batch];
    return true;
  }
}
