import type { ConfigSource } from '../../../common/config.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { readEventsOf } from '../../../common/log/events.ts';
import { openLogReader } from '../../../common/log/open-log.ts';
import { readLake } from './from-lake.ts';
import { type LogData, readLog } from './from-log.ts';
import { type Impressions, joinImpressions, type OnDecision } from './impressions.ts';
import { lakeImpressions } from './impressions-from-lake.ts';
import type { SourceName } from './source-names.ts';

/** The events that training learns from; the same ones, wherever they are. */
export interface TrainingSource extends AsyncDisposable {
  /** What is there up to an offset, exclusive. LOG_UNAVAILABLE or LAKE_UNAVAILABLE if there is nothing. */
  read(untilOffset?: number): Promise<LogData>;
  /** What was shown and what came of it, as far as `data` was read. */
  readImpressions(data: LogData, windowMs: number, onDecision?: OnDecision): Promise<Impressions>;
}

export async function openTrainingSource(config: ConfigSource, name: SourceName): Promise<TrainingSource> {
  if (name === 'log') {
    return {
      read: async (untilOffset) => {
        await using log = await openLogReader(config);
        return await readLog(log, untilOffset);
      },
      readImpressions: async ({ catalogue, endOffset }, windowMs, onDecision) => {
        await using log = await openLogReader(config);
        return await joinImpressions(readEventsOf(log), catalogue, windowMs, endOffset, onDecision);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const lake = await openLake(lakeConfig(config));
  return {
    read: (untilOffset) => readLake(lake, untilOffset),
    readImpressions: ({ catalogue, endOffset }, windowMs, onDecision) =>
      lakeImpressions(lake, catalogue, windowMs, endOffset, onDecision),
    [Symbol.asyncDispose]: () => lake[Symbol.asyncDispose](),
  };
}
