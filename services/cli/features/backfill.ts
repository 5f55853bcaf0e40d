import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { ConfigSource } from '../../../common/config.ts';
import { MillraceError } from '../../../common/errors.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { type LoggedEvent, readEventsOf } from '../../../common/log/events.ts';
import { openLogReader } from '../../../common/log/open-log.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { backfilled } from '../../features/backfill.ts';
import { featuresSchema } from '../../features/config.ts';
import { replaceStore } from '../../features/stores/open.ts';
import { configuredLimits } from '../offline/composition.ts';
import { ProgressBars } from '../progress-bar.ts';

interface Options {
  readonly from: string;
  readonly until?: string;
}

/** Folds the whole log or lake and replaces what the configured store holds. */
export async function backfillFeatures({ from, until }: Options): Promise<void> {
  if (until !== undefined && !/^\d{1,15}$/.test(until))
    throw new InvalidArgumentError('--until: expected a whole number');
  const config = new ConfigSource();
  const log = createLogger('features');
  const limits = configuredLimits({ config, log });
  const features = config.section('features', featuresSchema);
  await using source = await opened(from, config);
  if (source.firstOffset > 0)
    throw new MillraceError(
      'OFFSET_TRUNCATED',
      `the ${from} begins at offset ${source.firstOffset}: users cannot be folded from their first event on`,
    );
  const end = Math.min(source.endOffset, Number(until ?? source.endOffset));
  const bars = new ProgressBars();
  const startedAt = performance.now();
  try {
    const fold = await backfilled(source.events(), limits, end, (offset) =>
      bars.progress('folding', offset, end),
    );
    await replaceStore(features, { home: config.home, limits, log }, fold);
    bars.end();
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const into =
      features.store === 'redis'
        ? `Redis at ${new URL(features.redis.url).host}`
        : join(config.home, 'features');
    process.stdout.write(
      `${fold.offset} events folded in ${seconds} s: ${fold.users.size} users, ${fold.catalogue.size} items, into ${into}\n`,
    );
  } finally {
    bars.end();
  }
}

interface Source extends AsyncDisposable {
  readonly firstOffset: number;
  readonly endOffset: number;
  events(): AsyncIterable<LoggedEvent>;
}

async function opened(from: string, config: ConfigSource): Promise<Source> {
  if (from === 'lake') {
    const lake = await openLake(lakeConfig(config));
    const { firstOffset, endOffset } = lake;
    const close = (): PromiseLike<void> => lake[Symbol.asyncDispose]();
    return { firstOffset, endOffset, events: () => lake.readEvents(), [Symbol.asyncDispose]: close };
  }
  if (from !== 'log') throw new InvalidArgumentError(`--from: expected log or lake, not ${from}`);
  const log = await openLogReader(config);
  const { firstOffset, endOffset } = log;
  return {
    firstOffset,
    endOffset,
    events: () => readEventsOf(log),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
