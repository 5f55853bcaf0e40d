import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';
import { LocalLog } from './local-log.ts';
import { loggingSchema } from './log-config.ts';
import { diskFiles, type LogFiles } from './log-files.ts';
import { NatsLog } from './nats-log.ts';
import type { RecordLog, RecordReader } from './record-log.ts';
import { SegmentLog } from './segment-log.ts';

/** The log that the configuration names, for its one writer. Local segments: throws `LogLockedError` while another has them. */
export async function openLog(source: ConfigSource, options: { files?: LogFiles } = {}): Promise<RecordLog> {
  const { engine, nats, segmentBytesMax } = source.section('logging', loggingSchema);
  if (engine === 'nats') return NatsLog.open(nats);
  return LocalLog.open(logFolder(source), { segmentBytesMax, ...options });
}

/**
 * The log that the configuration names, for reading beside its writer; what it gives is durable. LOG_UNAVAILABLE if there is none.
 */
export async function openLogReader(
  source: ConfigSource,
  options: { files?: LogFiles } = {},
): Promise<RecordReader> {
  const reader = await findLogReader(source, options);
  if (reader !== undefined) return reader;
  throw new MillraceError(
    'LOG_UNAVAILABLE',
    `${logFolder(source)}: there is no log; import a data set first`,
  );
}

/** The same; undefined if there is none. */
export async function findLogReader(
  source: ConfigSource,
  { files = diskFiles }: { files?: LogFiles } = {},
): Promise<RecordReader | undefined> {
  const { engine, nats } = source.section('logging', loggingSchema);
  if (engine === 'nats') return NatsLog.open(nats);
  const folder = logFolder(source);
  return existsSync(folder) ? SegmentLog.openReadOnly(folder, files) : undefined;
}

/** Where local segments are. */
export function logFolder({ home }: ConfigSource): string {
  return join(home, 'log');
}
