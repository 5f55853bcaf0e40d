import type { JetStreamManager } from '@nats-io/jetstream';
import type { Retention } from './record-log.ts';

/** The offset below which the limits allow records of the stream to be deleted. */
export async function oldestKept(
  manager: JetStreamManager,
  stream: string,
  { bytesMax, ageMsMax, keepFrom }: Retention,
): Promise<number> {
  const { state } = await manager.streams.info(stream);
  let before = state.first_seq - 1;
  if (bytesMax !== undefined && state.bytes > bytesMax)
    before += Math.ceil(((state.bytes - bytesMax) / state.bytes) * state.messages);
  if (ageMsMax !== undefined) {
    let low = before;
    let high = state.last_seq;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const message = await manager.streams.getMessage(stream, { seq: middle + 1 });
      if (message === null || Date.now() - message.time.getTime() > ageMsMax) low = middle + 1;
      else high = middle;
    }
    before = low;
  }
  return Math.min(before, keepFrom);
}
