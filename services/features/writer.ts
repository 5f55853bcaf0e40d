import { randomBytes } from 'node:crypto';
import { batchName, changeEvents } from '../../common/catalogue/writer.ts';
import { systemClock } from '../../common/clock.ts';
import { asMillraceError, fieldError, MillraceError } from '../../common/errors.ts';
import { checkSize } from '../../common/log/check-feedback.ts';
import type { Call } from '../../common/rpc/call.ts';
import type { LoggingService } from '../../common/rpc/services.ts';
import type { CatalogueChange, User } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import type { FollowedFold } from './followed-fold.ts';

const CHUNK_BYTES_MAX = 2 * 1024 * 1024;
const CHUNK_EVENTS_MAX = 10_000;

/**
 * Writes changes to the log, one batch at a time, and answers when they have come back through it and every watcher has applied
 * them. What the log holds is what counts: a batch that another writer overtook is void.
 */
export class Writer {
  readonly #followed: FollowedFold;
  readonly #logging: LoggingService;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(followed: FollowedFold, logging: LoggingService) {
    this.#followed = followed;
    this.#logging = logging;
  }

  /**
   * Plans the changes when it is their turn and writes them. ABORTED / EPOCH_MISMATCH if the catalogue is not at `expectedEpoch`
   * (0: any) or another writer was first; UNAVAILABLE / LOG_UNAVAILABLE if the log is away.
   */
  write(
    plan: () => CatalogueChange[],
    expectedEpoch: number,
    call: Call,
  ): Promise<{ epoch: number; changes: CatalogueChange[] }> {
    const turn = this.#tail.then(() => this.#write(plan, expectedEpoch, call));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Writes attributes of users; answers the offset after them, once folded. */
  async writeUsers(users: readonly User[], call: Call): Promise<number> {
    const timeMs = systemClock.nowMs();
    const nonce = randomBytes(8).toString('hex');
    const end = await this.#append(
      users.map((user, i) => Event.fromPartial({ eventId: `user:${nonce}:${i}`, timeMs, user })),
      'users',
      call,
    );
    await this.#followed.untilFolded(end, call);
    return end;
  }

  async #write(
    plan: () => CatalogueChange[],
    expectedEpoch: number,
    call: Call,
  ): Promise<{ epoch: number; changes: CatalogueChange[] }> {
    await this.#followed.untilCaughtUp(call);
    const { catalogue } = this.#followed.fold;
    if (expectedEpoch !== 0 && expectedEpoch !== catalogue.epoch) {
      throw fieldError(
        'expected_epoch',
        `${expectedEpoch}; the catalogue is at ${catalogue.epoch}`,
        'EPOCH_MISMATCH',
      );
    }
    const changes = plan();
    const batch = batchName(
      changes,
      catalogue.lineage || randomBytes(8).toString('hex'),
      randomBytes(6).toString('hex'),
    );
    const end = await this.#append(changeEvents(changes, batch, systemClock.nowMs()), 'items', call);
    await this.#followed.untilItemsFolded(end, call);
    const { epoch } = changes[changes.length - 1];
    if (!this.#followed.fold.hasApplied(batch, epoch)) {
      throw new MillraceError('EPOCH_MISMATCH', 'another writer changed the catalogue first; try again');
    }
    await this.#followed.watchers.untilAcknowledged(epoch);
    return { epoch, changes };
  }

  /**
   * Appends in chunks that fit a message; answers the offset after the last event. FIELD_INVALID, naming it as one of `field`, if
   * an event is too large: nothing is appended then.
   */
  async #append(events: readonly Event[], field: string, call: Call): Promise<number> {
    let end = 0;
    for (const chunk of chunksOf(events, field)) {
      try {
        const { offsets } = await this.#logging.append({ events: chunk }, call);
        end = offsets[offsets.length - 1] + 1;
      } catch (thrown) {
        const error = asMillraceError(thrown);
        if (error.reason === 'DISK_FULL') throw error;
        throw new MillraceError(
          'LOG_UNAVAILABLE',
          `nothing was changed that the log does not hold: ${error.message}`,
          { cause: error },
        );
      }
    }
    return end;
  }
}

function chunksOf(events: readonly Event[], field: string): Event[][] {
  const chunks: Event[][] = [];
  let chunk: Event[] = [];
  let bytes = 0;
  for (const [i, event] of events.entries()) {
    const size = Event.encode(event).finish().length;
    checkSize(event, size, `${field}[${i}]`);
    if (chunk.length === 0 || bytes + size > CHUNK_BYTES_MAX || chunk.length === CHUNK_EVENTS_MAX) {
      chunk = [];
      chunks.push(chunk);
      bytes = 0;
    }
    chunk.push(event);
    bytes += size;
  }
  return chunks;
}
