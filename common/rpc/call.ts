import { setMaxListeners } from 'node:events';
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api';
import { MillraceError } from '../errors.ts';
import type { Caller } from './access.ts';

/** What every handler and every client call gets: until when, whether still wanted, and as part of which trace. */
export interface Call {
  /** Milliseconds since the Unix epoch; Infinity: none. */
  readonly deadlineMs: number;
  /** Aborted when the caller no longer waits. */
  readonly signal: AbortSignal;
  /** The span of whoever calls. */
  readonly trace: Context;
  /** Who calls, where the server knows it by a token. */
  readonly caller?: Caller;
}

const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

/** A call that begins here. */
export function rootCall(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Call {
  return {
    deadlineMs: options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.timeoutMs,
    signal: options.signal ?? NEVER,
    trace: ROOT_CONTEXT,
  };
}

/** The same call with at most `timeoutMs` left; never more than it had. */
export function within(call: Call, timeoutMs: number): Call {
  return { ...call, deadlineMs: Math.min(call.deadlineMs, Date.now() + timeoutMs) };
}

export function remainingMs(call: Call): number {
  return call.deadlineMs - Date.now();
}

/** Throws if the call is no longer wanted or has no time left. */
export function checkAlive(call: Call): void {
  if (call.signal.aborted) throw new MillraceError('CANCELLED', 'the caller cancelled');
  if (remainingMs(call) <= 0) throw new MillraceError('DEADLINE_EXCEEDED', 'the deadline has passed');
}

/**
 * The promise's outcome, or DEADLINE_EXCEEDED / CANCELLED as soon as the call ends. The work itself is not interrupted; whoever
 * does it looks at `call.signal`.
 */
export function untilDeadline<T>(work: Promise<T>, call: Call): Promise<T> {
  if (call.deadlineMs === Number.POSITIVE_INFINITY && call.signal === NEVER) return work;
  return new Promise<T>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(new MillraceError('CANCELLED', 'the caller cancelled'));
    };
    const onTimeout = (): void => {
      end();
      reject(new MillraceError('DEADLINE_EXCEEDED', 'the deadline has passed'));
    };
    const timer =
      call.deadlineMs === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(onTimeout, Math.min(Math.max(remainingMs(call), 0), 0x7fffffff));
    if (call.signal !== NEVER) call.signal.addEventListener('abort', onAbort);
    work.then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
