import type { Command } from 'commander';
import { systemClock } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { MillraceError } from '../../../common/errors.ts';
import { findLogReader } from '../../../common/log/open-log.ts';
import { pseudonymKeyPlace, rotatePseudonymKey } from '../../../common/rights/pseudonym-keys.ts';

/** `rotate-key`. */
export function addRotateKeyCommand(privacy: Command): void {
  privacy
    .command('rotate-key')
    .description("add a key for people's pseudonyms to rights.pseudonymKeys, in force from next month")
    .action(rotateKey);
}

async function rotateKey(): Promise<void> {
  const source = new ConfigSource();
  const place = pseudonymKeyPlace(source);
  if (place === undefined)
    throw new MillraceError(
      'CONFIG_INVALID',
      'configuration: rights.pseudonymKeys: is absent; it says which file the keys are kept in',
    );
  const keys = await rotatePseudonymKey(place, systemClock.nowMs(), await isAnythingStored(source));
  for (const { number, from, key } of keys)
    process.stdout.write(`${from}  ${key === null ? 'ids as they come' : `key ${number}`}\n`);
  process.stdout.write(`${place.path}\n`);
}

async function isAnythingStored(source: ConfigSource): Promise<boolean> {
  await using log = await findLogReader(source);
  return log !== undefined && log.endOffset > 0;
}
