import type { EventKind, SubscribeResponse } from '../../gen/millrace/logging/v1/logging.ts';
import { asMillraceError } from '../errors.ts';
import { rootCall } from '../rpc/call.ts';
import type { LoggingService } from '../rpc/services.ts';
import type { Logger } from '../telemetry/log.ts';

const RETRY_MS = 100;

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
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Follows the log until `signal` aborts, going on where it was whenever the logging service comes back. Rejects with what
 * `handle` throws, and with OFFSET_TRUNCATED if events that were not consumed are no longer retained.
 */
export async function consume({
  logging,
  consumer,
  handle,
  signal,
  log,
  ...options
}: ConsumeOptions): Promise<void> {
  let { offset } = options;
  while (!signal.aborted) {
    const request = { consumer, offset, kinds: [...options.kinds], batchMax: 0 };
    const batches = logging.subscribe(request, rootCall({ signal }))[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await nextOf(batches, log);
        if (next === undefined) break;
        await handle(next);
        offset = next.nextOffset;
      }
    } finally {
      await batches.return?.();
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** The next batch; undefined if the stream ended or the service is away. */
async function nextOf(
  batches: AsyncIterator<SubscribeResponse>,
  log: Logger,
): Promise<SubscribeResponse | undefined> {
  try {
    const next = await batches.next();
    return next.done ? undefined : next.value;
  } catch (thrown) {
    const error = asMillraceError(thrown);
    if (error.reason === 'OFFSET_TRUNCATED') throw error;
    log.debug({ err: error }, 'subscription ended; trying again');
    return undefined;
  }
}
