import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { asMillraceError } from '../../../common/errors.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { Roller } from '../../../common/lake/roller.ts';
import type { LogFiles } from '../../../common/log/log-files.ts';
import { openLogReader } from '../../../common/log/open-log.ts';
import { runService, runUntilSignal } from '../../../common/service.ts';
import { createLogging } from '../../../services/logging/server.ts';
import { journalled, lyingFiles } from './power.ts';

const ROLL_MS = 150;

/** Rolls the log into the lake again and again. */
async function rollForEver(files: LogFiles | undefined): Promise<void> {
  const source = new ConfigSource();
  for (;;) {
    try {
      await using log = await openLogReader(source, files === undefined ? {} : { files });
      await using roller = await Roller.open(lakeConfig(source));
      await roller.roll(log);
    } catch (error) {
      if (asMillraceError(error).reason === 'LAKE_DAMAGED') throw error;
    }
    await pause(ROLL_MS);
  }
}

const [mode] = process.argv.slice(2);
const { PROOF_JOURNAL: journal, PROOF_BROKEN: broken } = process.env;
const files = broken === 'unsynced' ? lyingFiles : journal === undefined ? undefined : journalled(journal);
if (mode === 'roll') await rollForEver(files);
else {
  const options = files === undefined ? {} : { files };
  await runUntilSignal(() => runService('logging', (environment) => createLogging(environment, options)));
}
