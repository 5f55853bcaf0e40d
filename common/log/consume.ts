import type { EventKind, SubscribeResponse } from '../../gen/millrace/logging/v1/logging.ts';
import { pause } from '../clock.ts';
import { asMillraceError } from '../errors.ts';
import { rootCall } from '../rpc/call.ts';
import type { LoggingService } from '../rpc/services.ts';
import type { Logger } from '../telemetry/log.ts';

const BACKOFF_MS = 50;
const BACKOFF_MS_MAX = 1_000;

export interface ConsumeOptions {
  readonly logging: LoggingService;
  /** The consumer's name, for logs and metrics. */
  readonly consumer: string;
  /** The offset to begin at. */
  readonly offset: number;
  /** The kinds wanted; empty: all. */
  readonly kinds: readonly EventKind[];
  /** Takes a batch; the next one is asked for when it has returned. */
  readonly handle: (batch: SubscribeResponse) => void | Promise<void>;
  /** Ends the consumption, after the batch being handled. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Follows the log until `signal` aborts, going on where it was whenever the logging service comes back: each event is handled
 * once and in order, unless `handle` itself throws. Rejects with what `handle` throws and with what no retry mends:
 * OFFSET_TRUNCATED if events not yet consumed are no longer retained, FIELD_INVALID if the offset lies beyond the log's end.
 */
export async function consume(options: ConsumeOptions): Promise<void> {
  const { logging, consumer, kinds, handle, signal, log } = options;
  let { offset } = options;
  let backoffMs = BACKOFF_MS;
  while (!signal.aborted) {
    const request = { consumer, offset, kinds: [...kinds], batchMax: 0 };
    const batches = logging.subscribe(request, rootCall({ signal }))[Symbol.asyncIterator]();
    try {
      for (;;) {
        const batch = await nextOf(batches, consumer, log);
        if (batch === undefined || signal.aborted) break;
        await handle(batch);
        offset = batch.nextOffset;
        backoffMs = BACKOFF_MS;
      }
    } finally {
      await batches.return?.();
    }
    await pause(backoffMs, signal);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
  }
}

/** The next batch; undefined if the stream ended or the service is away. */
async function nextOf(
  batches: AsyncIterator<SubscribeResponse>,
  consumer: string,
  log: Logger,
): Promise<SubscribeResponse | undefined> {
  try {
    const next = await batches.next();
    return next.done ? undefined : next.value;
  } catch (thrown) {
    const error = asMillraceError(thrown);
    if (error.responsible === 'caller' && error.reason !== 'CANCELLED') throw error;
    log.debug({ err: error, consumer }, 'the subscription ended');
    return undefined;
  }
}
