import { expect, test } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { CounterFeed } from '../../common/features/counter-feed.ts';
import { CounterFold } from '../../common/features/counter-fold.ts';
import { countOf, type ItemCounters } from '../../common/features/item-counters.ts';
import { itemCounters } from '../../common/features/item-reducers.ts';
import type { Call } from '../../common/rpc/call.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { TinyFeatures } from '../../test/support/tiny-features.ts';
import { counterVersions } from './counter-stream.ts';

/** More than two pages. */
const ITEMS = 120_000;
const VERSIONS = 3;

/** Every item is clicked on once, then some more events come after each page that is sent. */
class Clicks extends TinyFeatures {
  readonly #fold = new CounterFold();
  #offset = 0;
  pages = 0;

  constructor() {
    super(new Catalogue('clicks'));
    while (this.#offset < ITEMS) this.#click();
  }

  override async *watchItemCounters(_request: unknown, { signal }: Call) {
    for await (const page of counterVersions(this.#fold, 0, 5, signal)) {
      this.pages++;
      yield page;
      for (let i = 0; i < 1_000; i++) this.#click();
    }
  }

  #click(): void {
    click(this.#fold, this.#offset++);
  }
}

function click(fold: CounterFold, offset: number): void {
  fold.add((offset * 7) % ITEMS, { action: Action.ACTION_CLICK }, offset, offset);
}

test('each version that a feed has is the fold of the events before it, whatever came while its pages were sent', async () => {
  const features = new Clicks();
  const feed = new CounterFeed(features, createLogger('test'));
  const versions: ItemCounters[] = [];
  await new Promise<void>((resolve) => {
    feed.onVersion((counters) => {
      expect(feed.current).toBe(counters);
      versions.push(counters);
      if (versions.length === VERSIONS) resolve();
    });
  });
  await feed.stop();
  expect(features.pages).toBeGreaterThan(VERSIONS);
  const fold = new CounterFold();
  for (const counters of versions) {
    while (fold.version < counters.version) click(fold, fold.version);
    for (const name of itemCounters) {
      const [given, folded] = [counters.column(name), fold.view().column(name)];
      let differing = 0;
      for (let item = 0; item < ITEMS; item++)
        if (countOf(given, item) !== countOf(folded, item)) differing++;
      expect([counters.version, name, differing]).toEqual([counters.version, name, 0]);
    }
  }
});
