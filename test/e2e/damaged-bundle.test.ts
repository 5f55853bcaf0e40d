import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { pause } from '../../common/clock.ts';
import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { type AllInOne, createAllInOne } from '../../deploy/all-in-one.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyBundle } from '../support/tiny-bundle.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const POLL = { timeout: 20_000, interval: 50 };

async function start(home: string): Promise<AllInOne & AsyncDisposable> {
  const all = await createAllInOne({
    config: new ConfigSource({ MILLRACE_HOME: home }),
    log: createLogger('test'),
  });
  await new Promise<void>((resolve) => all.watchServing((serving) => serving && resolve()));
  return { ...all, [Symbol.asyncDispose]: () => all.close() };
}

async function bundleNow({ orchestrator }: AllInOne): Promise<string> {
  const request = RecommendRequest.fromPartial({ userId: 'user-1' });
  return (await orchestrator.implementation.recommend(request, rootCall({ timeoutMs: 5_000 }))).bundle;
}

test('a damaged bundle leaves the old one in place, holds no other up, and does not prevent a start', {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryHome();
  const { store } = await makeTinyHome(folder.home);
  await makeTinyBundle(folder.home, { version: 'tiny-2', dim: 8 });
  await makeTinyBundle(folder.home, { version: 'tiny-3', dim: 12 });
  const damaged = (await store.open('tiny-2')).path('ials');
  const bytes = await readFile(damaged);
  bytes[bytes.length >> 1] ^= 1;
  await writeFile(damaged, bytes);
  await store.setLive({ champion: 'tiny-1', challenger: 'tiny-2' });
  {
    await using all = await start(folder.home);
    expect(await bundleNow(all)).toBe('tiny-1');
    await store.promote('tiny-3');
    await expect.poll(() => bundleNow(all), POLL).toBe('tiny-3');
    await store.setLive({ champion: 'tiny-2', previous: 'tiny-3' });
    await pause(1_500);
    expect(await bundleNow(all)).toBe('tiny-3');
  }
  await using again = await start(folder.home);
  expect(await bundleNow(again)).toBe('tiny-3');
  bytes[bytes.length >> 1] ^= 1;
  await writeFile(damaged, bytes);
  await expect.poll(() => bundleNow(again), POLL).toBe('tiny-2');
});
