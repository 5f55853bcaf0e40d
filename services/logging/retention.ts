import type { RecordLog } from '../../common/log/record-log.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import type { Consumers } from './consumers.ts';

const DAY_MS = 86_400_000;

interface Limits {
  readonly bytesMax?: number | undefined;
  readonly ageDaysMax?: number | undefined;
  readonly checkSeconds: number;
}

/** Looks now and then for records that the limits no longer allow and every consumer has committed, and deletes them. */
export function startRetention(
  records: RecordLog,
  consumers: Consumers,
  { bytesMax, ageDaysMax, checkSeconds }: Limits,
  log: Logger,
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const before = records.firstOffset;
    const keepFrom = Math.min(consumers.slowest, records.endOffset);
    const ageMsMax = ageDaysMax === undefined ? undefined : ageDaysMax * DAY_MS;
    const first = await records.retain({ bytesMax, ageMsMax, keepFrom });
    if (first > before) log.info({ records: first - before, first }, 'old records were deleted');
  };
  if (bytesMax === undefined && ageDaysMax === undefined) return { stop: async () => {} };
  const timer = setInterval(() => {
    running = running.then(look).catch((error) => log.error({ err: error }, 'retention failed'));
  }, checkSeconds * 1_000);
  return {
    stop: () => {
      clearInterval(timer);
      return running;
    },
  };
}
