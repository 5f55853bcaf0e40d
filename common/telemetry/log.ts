import { destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Structured logs as JSON lines on standard error. Level by `MILLRACE_LOG_LEVEL`, default `info`. */
export function createLogger(service: string): Logger {
  return pino(
    { name: `millrace-${service}`, level: process.env.MILLRACE_LOG_LEVEL ?? 'info' },
    destination(2),
  );
}
