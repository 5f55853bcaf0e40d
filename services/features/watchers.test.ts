import { expect, test } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Item, type WatchCatalogueRequest } from '../../gen/millrace/features/v1/features.ts';
import { Watchers } from './watchers.ts';

/** More than one batch of what has become of the items. */
const ITEMS = 6_000;

test('a copy that catches up by batches is told from which epoch on it is as the catalogue was', async () => {
  const catalogue = new Catalogue('far');
  const upsert = (ordinal: number, title: string): void =>
    catalogue.apply({
      epoch: catalogue.epoch + 1,
      ordinal,
      upsert: Item.fromPartial({ id: `i${ordinal}`, title }),
    });
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) upsert(ordinal, 'first');
  upsert(0, 'second');
  const watchers = new Watchers(catalogue, 1_000, createLogger('test'));
  const controller = new AbortController();
  async function* requests(): AsyncGenerator<WatchCatalogueRequest> {
    yield { epoch: 0, watcher: 'test' };
    await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
  }
  const copy = new Catalogue('far');
  const settled: boolean[] = [];
  for await (const { changes, epoch, settledEpoch } of watchers.watch(requests(), controller.signal)) {
    for (const change of changes) copy.apply(change);
    settled.push(epoch >= settledEpoch);
    if (settled.length === 1) expect(copy.item(0)?.title).toBe('second');
    if (epoch === catalogue.epoch) break;
  }
  controller.abort();
  expect(settled.length).toBeGreaterThan(1);
  expect(settled.slice(0, -1)).not.toContain(true);
  expect(settled.at(-1)).toBe(true);
  expect(Buffer.from(copy.serialise()).equals(catalogue.serialise())).toBe(true);
});
