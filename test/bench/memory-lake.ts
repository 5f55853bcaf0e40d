import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigSource } from '../../common/config.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { Roller } from '../../common/lake/roller.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';

/** Takes the home's log into a new lake, as `millrace lake roll` does. */
export async function lakePart(home: string, events: number): Promise<Readonly<Record<string, unknown>>> {
  await rm(join(home, 'lake'), { recursive: true, force: true });
  const startedAt = performance.now();
  await using log = await SegmentLog.openReadOnly(join(home, 'log'));
  const openSeconds = (performance.now() - startedAt) / 1_000;
  await using roller = await Roller.open(lakeConfig(new ConfigSource({ MILLRACE_HOME: home })));
  const endOffset = await roller.roll(log);
  const { files } = roller.manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return {
    endOffset,
    files: files.length,
    bytesPerEvent: Number((bytes / events).toFixed(1)),
    logOpenSeconds: Number(openSeconds.toFixed(2)),
  };
}
