import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { LogReadError } from './errors.ts';

const CURSORS_MAX = 8;
const INACTIVE_MS = 60_000;
const FETCH_MS = 2_000;
const EMPTY = new Uint8Array(0);

/** A consumer of the server that stands before offset `next`. */
interface Cursor {
  readonly name: string;
  readonly consumer: Consumer;
  /** Records that the server knew of for it when it was made. */
  readonly pending: number;
  next: number;
  /** How many messages it has delivered: a jump says that some were lost on the way. */
  delivered: number;
}

/** Reads a stream from any offset on. Whoever reads on finds the cursor again that the last read left. */
export class NatsCursors {
  readonly #stream: string;
  readonly #jetstream: JetStreamClient;
  readonly #manager: JetStreamManager;
  #idle: Cursor[] = [];

  constructor(stream: string, client: JetStreamClient, manager: JetStreamManager) {
    this.#stream = stream;
    this.#jetstream = client;
    this.#manager = manager;
  }

  /** `count` payloads from `offset` on, all of which the stream has had; those it has no longer are empty. */
  async read(offset: number, count: number): Promise<Uint8Array[]> {
    const at = this.#idle.findIndex(({ next }) => next === offset);
    if (at >= 0) {
      const [cursor] = this.#idle.splice(at, 1);
      const payloads = await this.#fetch(cursor, count).catch(() => undefined);
      if (payloads !== undefined) return payloads;
    }
    const payloads = await this.#fetch(await this.#open(offset), count);
    if (payloads === undefined) throw new LogReadError(`NATS: records from ${offset} on did not come whole`);
    return payloads;
  }

  /** Lets go of every cursor. */
  forget(): void {
    for (const cursor of this.#idle.splice(0)) this.#drop(cursor);
  }

  async #open(offset: number): Promise<Cursor> {
    const { name, num_pending } = await this.#manager.consumers.add(this.#stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: offset + 1,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(INACTIVE_MS),
      mem_storage: true,
      num_replicas: 1,
    });
    const consumer = await this.#jetstream.consumers.get(this.#stream, name);
    return { name, consumer, pending: num_pending, next: offset, delivered: 0 };
  }

  /**
   * The payloads; undefined if messages were lost on the way. The cursor is kept only if it delivered all that was asked for: else
   * the request may still be open at the server, and take records that nobody would see.
   */
  async #fetch(cursor: Cursor, count: number): Promise<Uint8Array[] | undefined> {
    const first = cursor.next;
    const payloads: Uint8Array[] = Array.from({ length: count }, () => EMPTY);
    let got = 0;
    let whole = cursor.delivered === 0 && cursor.pending === 0 && (await this.#isGone(first, first + count));
    if (!whole) {
      const messages = await cursor.consumer.fetch({ max_messages: count, expires: FETCH_MS });
      for await (const { seq, data, info } of messages) {
        if (info.deliverySequence !== cursor.delivered + 1) break;
        cursor.delivered++;
        got++;
        if (seq - 1 - first < count) payloads[seq - 1 - first] = data;
        whole = seq >= first + count || (info.pending === 0 && (await this.#isGone(seq, first + count)));
        if (whole) break;
      }
      await messages.close();
    }
    cursor.next = first + count;
    if (whole && got === count) this.#keep(cursor);
    else this.#drop(cursor);
    return whole ? payloads : undefined;
  }

  /** Whether the stream holds none of these records: the count of a consumer's pending ones may lag behind the stream. */
  async #isGone(fromOffset: number, untilOffset: number): Promise<boolean> {
    const query = { seq: fromOffset + 1, next_by_subj: '>' };
    const next = await this.#manager.streams.getMessage(this.#stream, query);
    return next === null || next.seq > untilOffset;
  }

  #keep(cursor: Cursor): void {
    this.#idle.push(cursor);
    if (this.#idle.length > CURSORS_MAX) this.#drop(this.#idle.shift() as Cursor);
  }

  #drop({ name }: Cursor): void {
    void this.#manager.consumers.delete(this.#stream, name).catch(() => {});
  }
}
