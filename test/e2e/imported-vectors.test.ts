import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BundleStore } from '../../common/bundle/store.ts';
import { schemaOfBundle } from '../../common/features/schema.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { runCli } from '../support/cli.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const TIMEOUT_MS = 120_000;
const SEED = 5;
const USERS = 80;
const ITEMS = 60;
const GROUPS = 3;
const PER_USER = 10;
/** Beyond the others, which nobody has touched: their vectors alone say what they are. */
const COLD_ITEMS = 6;

/** People of three tastes; an item's `audio` points where its group's does, save for noise. */
async function writeWorld(folder: string): Promise<void> {
  const random = new Random(SEED);
  const events = ['user_id:token\titem_id:token\trating:float\ttimestamp:float'];
  for (let user = 0; user < USERS; user++) {
    const taken = new Set<number>();
    while (taken.size < PER_USER) taken.add((user % GROUPS) + GROUPS * random.int(ITEMS / GROUPS));
    for (const [i, item] of [...taken].entries())
      events.push(`u${user}\ti${item}\t5\t${1_000_000 + i * 1_000 + user}`);
  }
  const items = ['item_id:token\taudio:float_seq'];
  for (let item = 0; item < ITEMS + COLD_ITEMS; item++) {
    const audio = Array.from(
      { length: GROUPS },
      (_, d) => (d === item % GROUPS ? 1 : 0) + random.next() * 0.1,
    );
    items.push(`i${item}\t${audio.map((value) => value.toFixed(4)).join(' ')}`);
  }
  await mkdir(folder);
  await writeFile(join(folder, 'world.inter'), events.join('\n'));
  await writeFile(join(folder, 'world.item'), items.join('\n'));
}

test('vectors imported with items are a source: trained, ranked by, and it finds items nobody has touched', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using folder = await temporaryHome();
  const { home } = folder;
  const world = join(home, 'world');
  await writeWorld(world);
  const train = {
    candidates: ['item_to_item'],
    vectors: [{ attribute: 'audio' }],
    ranker: { model: 'linear' },
  };
  await writeFile(join(home, 'millrace.yaml'), JSON.stringify({ train }));
  for (const command of [['import', world], ['train']]) {
    const { code, stderr } = await runCli(command, home);
    expect([code, stderr]).toEqual([0, '']);
  }
  const store = new BundleStore(join(home, 'bundles'));
  const bundle = await store.open((await store.live())?.champion as string);
  const schema = await schemaOfBundle(bundle);
  expect(schema.sources).toEqual(['item_to_item', 'bm25', 'popularity', 'audio']);
  expect(schema.columns).toContain('retrieval.audio.score');
  expect(bundle.manifest.metrics.audio['ndcg@10']).toBeGreaterThan(
    bundle.manifest.metrics.popularity['ndcg@10'],
  );

  await using running = await OneProcess.start(home);
  using channel = new Channel(running.address);
  const door = channel.client(contracts.orchestrator);
  const request = RecommendRequest.fromPartial({ userId: 'u0', limit: 20 });
  const { response, candidates } = await door.explain({ request }, rootCall({ timeoutMs: 10_000 }));
  expect(response?.degraded).toEqual([]);
  expect(response?.items.some(({ sources }) => sources.includes('audio'))).toBe(true);
  const rankOf = (item: number): number =>
    candidates.find(({ itemId }) => itemId === `i${item}`)?.scores['retrieval.audio.rank'] ?? 0;
  const cold = Array.from({ length: COLD_ITEMS }, (_, i) => ITEMS + i);
  const [own, others] = [0, 1].map((other) => cold.filter((item) => (item % GROUPS === 0) === (other === 0)));
  for (const item of own) {
    expect(rankOf(item)).toBeGreaterThan(0);
    for (const stranger of others) expect(rankOf(item)).toBeLessThan(rankOf(stranger));
  }
});
