import { pause, systemClock } from '../../common/clock.ts';
import type { ConfigSource } from '../../common/config.ts';
import { type LakeConfig, lakeConfig } from '../../common/lake/config.ts';
import { type Commit, Manifest } from '../../common/lake/manifest.ts';
import { openStorage } from '../../common/lake/open-storage.ts';
import type { RolledLog } from '../../common/lake/roller.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';

const DAY_MS = 86_400_000;
const LOOK_MS = 250;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;

/** Rolling under way. */
export interface Rolling {
  /** Ends it after the commit at hand. */
  stop(): Promise<void>;
}

/**
 * Takes the log into the lake beside the appends: a commit whenever enough events wait or the oldest has waited long enough
 * (`lake.commit`). While the lake's storage is away the log keeps the events, and rolling tries again. `committed` hears how far
 * the lake reaches.
 */
export function startRolling(
  records: RolledLog,
  source: ConfigSource,
  log: Logger,
  committed: (untilOffset: number) => Promise<void> = async () => {},
): Rolling {
  const config = lakeConfig(source);
  if (!config.enabled) return { stop: async () => {} };
  const stopping = new AbortController();
  const running = keepRolling(records, config, log, committed, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function keepRolling(
  records: RolledLog,
  config: LakeConfig,
  log: Logger,
  committed: (untilOffset: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let retryMs = RETRY_MS;
  let end = 0;
  let known = false;
  let behindSinceMs: number | undefined;
  while (!signal.aborted) {
    const waiting = records.endOffset - end;
    metrics.lakeLagEvents.set(waiting);
    if (waiting > 0) behindSinceMs ??= systemClock.nowMs();
    const waitedMs = behindSinceMs === undefined ? 0 : systemClock.nowMs() - behindSinceMs;
    const due = known
      ? waiting >= config.commit.eventsMax || waitedMs >= config.commit.ageMsMax
      : waiting > 0;
    if (!due) {
      await pause(Math.min(LOOK_MS, config.commit.ageMsMax), signal);
      continue;
    }
    try {
      end = known
        ? await roll(records, config, committed, signal)
        : (await Manifest.read(await openStorage(config))).endOffset;
      if (known) behindSinceMs = undefined;
      known = true;
      retryMs = RETRY_MS;
    } catch (error) {
      metrics.lakeFailuresTotal.inc();
      log.warn({ err: error }, 'the lake could not be reached; the log keeps what is not rolled');
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  }
}

async function roll(
  records: RolledLog,
  config: LakeConfig,
  committed: (untilOffset: number) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  const { Roller } = await import('../../common/lake/roller.ts');
  await using roller = await Roller.open(config);
  const counted = async ({ files, untilOffset }: Commit): Promise<void> => {
    metrics.lakeFilesTotal.inc(files.length);
    metrics.lakeBytesTotal.inc(files.reduce((sum, { bytes }) => sum + bytes, 0));
    metrics.lakeLagEvents.set(records.endOffset - untilOffset);
    await committed(untilOffset);
  };
  const end = await roller.roll(records, { signal, progress: counted });
  const { ageDaysMax } = config.retention;
  if (ageDaysMax !== undefined)
    await roller.dropBefore(new Date(systemClock.nowMs() - ageDaysMax * DAY_MS).toISOString().slice(0, 10));
  return end;
}
