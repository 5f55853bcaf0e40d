import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { namesOf } from './requests.ts';

const DECEMBER_MS = Date.UTC(2026, 11, 1);
const HOUR_MS = 3_600_000;

test('a person keeps the name by which the front door remembers them when a key comes into force, which is asked for a day before', async () => {
  await using folder = await temporaryHome();
  const keys = ['1970-01', '2026-12'].map((from, i) => ({ number: i + 1, from, key: `${i}1`.repeat(32) }));
  await mkdir(join(folder.home, 'rights'));
  await writeFile(join(folder.home, 'rights/keys.json'), JSON.stringify({ keys }));
  const pseudonyms = Pseudonyms.open(
    new ConfigSource({ MILLRACE_HOME: folder.home, MILLRACE__RIGHTS__PSEUDONYM_KEYS: 'rights/keys.json' }),
  );
  const [second, first] = pseudonyms.upTo('anna', DECEMBER_MS);
  const at = (nowMs: number): ReturnType<typeof namesOf> =>
    namesOf('anna', { pseudonyms, nowMs, futureHoursMax: 24 });
  expect(at(DECEMBER_MS - 25 * HOUR_MS)).toEqual({ userId: first, earlierIds: [], lastingId: first });
  expect(at(DECEMBER_MS - HOUR_MS)).toEqual({ userId: first, earlierIds: [second], lastingId: first });
  expect(at(DECEMBER_MS)).toEqual({ userId: second, earlierIds: [first], lastingId: first });
  expect(pseudonyms.lasting('anna')).toBe(first);
});
