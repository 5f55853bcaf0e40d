import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ConfigSource } from '../../common/config.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { ExactNoise } from '../../common/privacy/exact-noise.ts';
import { LocalField, type LocalPrivacyConfig, localPrivacySchema } from '../../common/privacy/local-field.ts';
import { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { CatalogueChange } from '../../gen/millrace/features/v1/features.ts';
import { FeedbackEvent } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { openLogging } from '../../services/logging/fixtures/open.ts';
import { orchestratorSchema } from '../../services/orchestrator/config.ts';
import { recordFeedback } from '../../services/orchestrator/feedback.ts';
import { RecentUsers } from '../../services/orchestrator/recent-users.ts';
import { Recorder } from '../../services/orchestrator/recorder.ts';
import { Tokens } from '../../services/orchestrator/tokens.ts';
import { eventsOf } from '../support/lakes.ts';
import { seededBytes } from '../support/seeded-bytes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { verifyLocalPrivacy } from '../verify/local-privacy.ts';

const REGIONS = ['northern', 'southern', 'western'];
const NOW_MS = Date.parse('2026-11-20');
const declared = (config: object): LocalPrivacyConfig => localPrivacySchema.parse({ epsilon: 1, ...config });
const said = (region: string) =>
  FeedbackEvent.fromPartial({
    eventId: 'e',
    userId: 'u',
    itemId: 'i',
    action: Action.ACTION_CLICK,
    timeMs: NOW_MS,
    context: { region },
  });

/** Every file under a home after one event was recorded and rolled into the lake, and the region that it has there. */
async function recorded(
  event: FeedbackEvent,
  localField: LocalField | undefined,
  seed: number,
): Promise<{ files: Map<string, string>; region: string }> {
  await using folder = await temporaryHome();
  const { home } = folder;
  const lake = lakeConfig(new ConfigSource({ MILLRACE_HOME: home }));
  const catalogue = new Catalogue('l');
  catalogue.apply(CatalogueChange.fromPartial({ epoch: 1, ordinal: 0, upsert: { id: 'i' } }));
  const config = orchestratorSchema.parse({});
  const nowhere = new Channel('127.0.0.1:1');
  let region = '';
  {
    await using opened = await openLogging(home, 'memory', { MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '20' });
    const recorder = await Recorder.open({
      logging: opened.logging,
      spoolFolder: join(home, 'orchestrator/spool'),
      log: createLogger('test'),
      queueMax: 10,
    });
    const world = {
      catalogue,
      tokens: new Tokens(Buffer.alloc(32)),
      pseudonyms: Pseudonyms.open(new ConfigSource({ MILLRACE_HOME: home })),
      recentUsers: new RecentUsers(config),
      recorder,
      logging: opened.logging,
      features: nowhere.client(contracts.features),
      nowMs: NOW_MS,
      futureHoursMax: 24,
      seenSeconds: new Float64Array(32),
      localField,
      noise: new ExactNoise(seededBytes(seed)),
    };
    await recordFeedback([event], world, rootCall({ timeoutMs: 10_000 }));
    await expect.poll(async () => (await eventsOf(lake)).length, { timeout: 10_000 }).toBe(1);
    region = (await eventsOf(lake))[0].event.feedback?.context?.region as string;
    await recorder.close();
  }
  nowhere.close();
  const files = new Map<string, string>();
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(home, path), (await readFile(path)).toString('latin1'));
  }
  return { files, region };
}

test('two raw values that are forced to the same report leave the same bytes in every file', async () => {
  const field = new LocalField(declared({ field: 'region', values: REGIONS }));
  const reportOf = (region: string, seed: number): string =>
    field.randomised(said(region), 'x', new ExactNoise(seededBytes(seed))).context?.region as string;
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  const [same] = seeds.filter(
    (seed) => reportOf(REGIONS[0], seed) === REGIONS[2] && reportOf(REGIONS[1], seed) === REGIONS[2],
  );
  const north = await recorded(said(REGIONS[0]), field, same);
  const south = await recorded(said(REGIONS[1]), field, same);
  expect([north.region, south.region]).toEqual([REGIONS[2], REGIONS[2]]);
  expect([...north.files.keys()].filter((path) => path.startsWith('log/')).length).toBeGreaterThan(0);
  expect(north.files).toEqual(south.files);
  for (const text of north.files.values()) expect(text).not.toContain(REGIONS[0]);
  const plain = await recorded(said(REGIONS[0]), undefined, same);
  expect([...plain.files.values()].some((text) => text.includes(REGIONS[0]))).toBe(true);
});

describe('a declared field', () => {
  const noise = new ExactNoise(seededBytes(5));

  test('is randomised for its actions alone, absent stays absent, and an undeclared value is refused', () => {
    const field = new LocalField(declared({ field: 'value', values: [1, 2.1, 5], actions: ['rating'] }));
    const rating = (value?: number) => ({ action: Action.ACTION_RATING, value, context: undefined });
    const reports = new Set(
      Array.from({ length: 200 }, () => field.randomised(rating(Math.fround(2.1)), 'x', noise).value),
    );
    expect(reports).toEqual(new Set([1, Math.fround(2.1), 5].map((value) => Number(String(value)))));
    expect(field.randomised(rating(), 'x', noise).value).toBe(undefined);
    expect(() => field.randomised(rating(4), 'events[3]', noise)).toThrow(
      expect.objectContaining({
        reason: 'FIELD_INVALID',
        violations: [{ field: 'events[3].value', description: expect.any(String) }],
      }),
    );
    expect(field.randomised({ ...rating(4), action: Action.ACTION_WATCH }, 'x', noise).value).toBe(4);
  });

  test.each(['krr', 'oue'] as const)('under %s gives shares back from counts of reports', (mechanism) => {
    const field = new LocalField(declared({ field: 'region', values: REGIONS, mechanism, epsilon: 2 }));
    const counts = new Map<string, number>([['no report', 7]]);
    for (let i = 0; i < 30_000; i++) {
      const report = field.randomised(said(REGIONS[i % 3 === 0 ? 0 : 1]), 'x', noise).context
        ?.region as string;
      counts.set(report, (counts.get(report) ?? 0) + 1);
    }
    const { reports, shares } = field.estimates(counts);
    expect(reports).toBe(30_000);
    for (const [i, truth] of [1 / 3, 2 / 3, 0].entries())
      expect(Math.abs((shares.get(REGIONS[i])?.share as number) - truth)).toBeLessThan(0.04);
  });

  test.each([
    ['values', { field: 'region', values: ['a', 'a'] }],
    ['values', { field: 'region', values: ['a', 1] }],
    ['values', { field: 'value', values: ['a', 'b'] }],
    ['mechanism', { field: 'value', values: [1, 2], mechanism: 'oue' }],
    ['epsilon', { field: 'region', values: ['a', 'b'], epsilon: 0 }],
  ])('is refused where %s do not fit', (path, config) => {
    expect(localPrivacySchema.safeParse({ epsilon: 1, ...config }).error?.issues[0].path).toEqual([path]);
  });
});

test('intervals of local estimates cover as they should, and half of them do not', async () => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  expect(await verifyLocalPrivacy({ short: true, print }), lines.join('\n')).toBe(true);
  expect(await verifyLocalPrivacy({ short: true, print, broken: 'narrow' }), lines.join('\n')).toBe(false);
});
