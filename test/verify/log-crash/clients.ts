import { pause } from '../../../common/clock.ts';
import { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts } from '../../../common/rpc/services.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';

export const CLIENTS = 4;
export const USERS = 20;
export const ITEM = 'item';
const BATCH_MAX = 8;
const APPEND_MS = 2_000;
const RETRY_MS = 20;
/** One of so many failed appends is given up, and one of so many is sent again though it was acknowledged. */
const SELDOM = 10;

/** Writers of feedback, each with a connection of its own, which send a batch again until it is acknowledged. */
export class Clients {
  /** Ids of acknowledged events. */
  readonly acknowledged = new Set<string>();
  /** Acknowledgements that call an event new again although it was acknowledged before. */
  retold = 0;
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(address: string, random: Random) {
    const seeds = Array.from({ length: CLIENTS }, () => new Random(random.uint32()));
    this.#running = Promise.all(seeds.map((seed, client) => this.#write(address, client, seed)));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #write(address: string, client: number, random: Random): Promise<void> {
    const { signal } = this.#stopping;
    using channel = new Channel(address);
    const logging = channel.client(contracts.logging);
    let number = 0;
    while (!signal.aborted) {
      const events = Array.from({ length: 1 + random.int(BATCH_MAX) }, () =>
        view(`${client}-${number++}`, random),
      );
      const again = random.int(SELDOM) === 0;
      for (let told = false; !signal.aborted; ) {
        const answer = await logging
          .append({ events }, rootCall({ timeoutMs: APPEND_MS }))
          .catch(() => undefined);
        if (answer === undefined) {
          if (random.int(SELDOM) === 0) break;
          await pause(RETRY_MS, signal);
          continue;
        }
        if (told && answer.duplicates.includes(false)) this.retold++;
        for (const { eventId } of events) this.acknowledged.add(eventId);
        if (told || !again) break;
        told = true;
      }
    }
  }
}

function view(eventId: string, random: Random): Event {
  const feedback = { userId: `user-${random.int(USERS)}`, itemId: ITEM, action: Action.ACTION_VIEW };
  return Event.fromPartial({ eventId, timeMs: Date.now(), feedback });
}
