import { join } from 'node:path';
import type { ConfigSource } from '../../../common/config.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { readEvents } from '../../../common/log/events.ts';
import { readLake } from './from-lake.ts';
import { type LogData, readLog } from './from-log.ts';
import { type Impressions, joinImpressions } from './impressions.ts';
import { lakeImpressions } from './impressions-from-lake.ts';
import type { SourceName } from './source-names.ts';

/** The events that training learns from; the same ones, wherever they are. */
export interface TrainingSource extends AsyncDisposable {
  /** What is there up to an offset, exclusive. LOG_UNAVAILABLE or LAKE_UNAVAILABLE if there is nothing. */
  read(untilOffset?: number): Promise<LogData>;
  /** What was shown and what came of it, as far as `data` was read. */
  readImpressions(data: LogData, windowMs: number): Promise<Impressions>;
}

export async function openTrainingSource(config: ConfigSource, name: SourceName): Promise<TrainingSource> {
  if (name === 'log') {
    const folder = join(config.home, 'log');
    return {
      read: (untilOffset) => readLog(folder, untilOffset),
      readImpressions: ({ catalogue, endOffset }, windowMs) =>
        joinImpressions(readEvents(folder), catalogue, windowMs, endOffset),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const lake = await openLake(lakeConfig(config));
  return {
    read: (untilOffset) => readLake(lake, untilOffset),
    readImpressions: ({ catalogue, endOffset }, windowMs) =>
      lakeImpressions(lake, catalogue, windowMs, endOffset),
    [Symbol.asyncDispose]: () => lake[Symbol.asyncDispose](),
  };
}
