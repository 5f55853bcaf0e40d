import { join } from 'node:path';
import { ConfigSource } from '../../common/config.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { openLake } from '../../common/lake/lake.ts';
import { Roller } from '../../common/lake/roller.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { trainSchema, weightOfEvents } from '../../services/training/config.ts';
import { readLake } from '../../services/training/dataset/from-lake.ts';
import { positivesOf } from '../../services/training/positives.ts';

const HALF_LIFE_DAYS = 30;

/**
 * Reads all feedback of the home's lake into typed arrays and makes the matrix of positives, as `millrace train --from lake` does.
 * What the lake does not have yet is rolled first: see `rolled`, and for figures of the matrix alone run it again.
 */
export async function matrixPart(home: string): Promise<Readonly<Record<string, unknown>>> {
  const config = lakeConfig(new ConfigSource({ MILLRACE_HOME: home }));
  const rolled = await roll(home, config);
  const startedAt = performance.now();
  await using lake = await openLake(config);
  const data = await readLake(lake);
  const readSeconds = (performance.now() - startedAt) / 1_000;
  const settings = trainSchema.parse({ decay: { halfLifeDays: HALF_LIFE_DAYS } });
  const matrix = positivesOf(data, weightOfEvents(settings));
  const matrixSeconds = (performance.now() - startedAt) / 1_000;
  return {
    rolled,
    rows: data.feedback.user.length,
    users: matrix.rowCount,
    items: matrix.columnCount,
    entries: matrix.columns.length,
    readSeconds: Number(readSeconds.toFixed(2)),
    matrixSeconds: Number(matrixSeconds.toFixed(2)),
  };
}

/** How many events the lake lacked. */
async function roll(home: string, config: ReturnType<typeof lakeConfig>): Promise<number> {
  await using log = await SegmentLog.openReadOnly(join(home, 'log'));
  await using roller = await Roller.open(config);
  const from = roller.manifest.endOffset;
  return (await roller.roll(log)) - from;
}
