import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { runCli } from '../../test/support/cli.ts';
import { NATS, TestServer } from '../../test/support/servers.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { openTrainingSource } from '../training/dataset/source.ts';

const EVENTS = ['u,a,10', 'u,b,11', 'v,b,12', 'v,c,13', 'w,a,14'];
const TIMEOUT_MS = 120_000;

function settings({ port }: TestServer): Record<string, string> {
  return {
    MILLRACE__LOGGING__ENGINE: 'nats',
    MILLRACE__LOGGING__NATS: `{servers: ['127.0.0.1:${port}'], appendTimeoutMs: 500}`,
  };
}

describe.skipIf(NATS.program === undefined)(`commands over NATS (skipped: ${NATS.absent})`, () => {
  afterEach(() => void vi.unstubAllEnvs());

  test('import, the lake, backfill, validate and training use the stream and no folder', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using server = await TestServer.start(NATS);
    await using folder = await temporaryHome();
    const { home } = folder;
    for (const [name, value] of Object.entries(settings(server))) vi.stubEnv(name, value);
    const path = join(home, 'events.csv');
    await writeFile(path, ['user_id,item_id,timestamp', ...EVENTS].join('\n'));
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runCli(args, home);
      expect([code, stderr]).toEqual([0, '']);
      return stdout;
    };
    expect(await run('import', path)).toContain('5 interactions');
    expect(await run('features', 'backfill', '--from', 'log')).toContain('8 events folded');
    expect(await run('lake', 'roll')).toContain('offsets 0 to 8 are in the lake');
    expect(JSON.parse(await run('lake', 'status', '--json'))).toMatchObject({ logEndOffset: 8, behind: 0 });
    const { faults, values } = JSON.parse(await run('features', 'validate', '--json'));
    expect([faults, values.length > 0]).toEqual([[], true]);
    const config = new ConfigSource({ ...settings(server), MILLRACE_HOME: home });
    await using log = await openTrainingSource(config, 'log');
    await using lake = await openTrainingSource(config, 'lake');
    const [fromLog, fromLake] = [await log.read(), await lake.read()];
    expect(fromLog.feedback.item.length).toBe(EVENTS.length);
    expect([fromLog.users, fromLog.feedback]).toEqual([fromLake.users, fromLake.feedback]);
    const impressions = await log.readImpressions(fromLog, 1_000);
    expect(impressions.decisions).toEqual([]);
    expect(existsSync(join(home, 'log'))).toBe(false);
  });
});
