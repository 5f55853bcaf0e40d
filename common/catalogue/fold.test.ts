import { expect, test } from 'vitest';
import { type CatalogueChange, Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Catalogue } from './catalogue.ts';
import { CatalogueFold } from './fold.ts';
import { batchName, changeEvents, itemChanges, upsertChanges } from './writer.ts';

const items = (...ids: string[]): Item[] => ids.map((id) => Item.fromPartial({ id }));

function events(changes: CatalogueChange[], nonce: string, lineage = 'l'): Event[] {
  return changeEvents(changes, batchName(changes, lineage, nonce), 1);
}

function applied(fold: CatalogueFold, batch: Event[]): boolean[] {
  return batch.map((event) => fold.apply(event));
}

test('of two batches planned on the same state the first in the log counts and the other is void', () => {
  const fold = new CatalogueFold();
  const first = upsertChanges(fold.catalogue, items('a', 'b'));
  const second = upsertChanges(fold.catalogue, items('c', 'd', 'e'));
  expect(applied(fold, events(first, 'x'))).toEqual([true, true]);
  expect(applied(fold, events(second, 'y'))).toEqual([false, false, false]);
  expect([fold.catalogue.size, fold.catalogue.epoch, fold.catalogue.lineage]).toEqual([2, 2, 'l']);
  expect(fold.hasApplied(batchName(first, 'l', 'x'), 2)).toBe(true);
  expect(fold.hasApplied(batchName(second, 'l', 'y'), 3)).toBe(false);
});

test('a batch that another one cut into counts only up to there', () => {
  const fold = new CatalogueFold();
  const [a, b, c] = events(upsertChanges(fold.catalogue, items('a', 'b', 'c')), 'x');
  applied(fold, [a, b]);
  const between = events(itemChanges(fold.catalogue, ['a'], { delete: {} }), 'y');
  expect(applied(fold, [...between, c])).toEqual([true, false]);
  expect(fold.hasApplied('l:1-x', 3)).toBe(false);
  expect(fold.catalogue.epoch).toBe(3);
});

test('the fold goes on amid a batch from what was written and read', () => {
  const whole = new CatalogueFold();
  const batch = events(upsertChanges(whole.catalogue, items('a', 'b', 'c')), 'x');
  applied(whole, batch);
  const head = new CatalogueFold();
  applied(head, batch.slice(0, 2));
  const resumed = new CatalogueFold(Catalogue.read(head.catalogue.serialise()), head.lastBatch);
  expect(applied(resumed, batch.slice(2))).toEqual([true]);
  expect(resumed.catalogue.serialise()).toEqual(whole.catalogue.serialise());
});

test.each([
  [
    'an event id of another form',
    Event.fromPartial({ eventId: 'mine', catalogue: { epoch: 2, ordinal: 0 } }),
  ],
  ['another lineage', events([{ epoch: 2, ordinal: 0, delete: {} }], 'z', 'other')[0]],
  [
    'a gap in the ordinals',
    events([{ epoch: 2, ordinal: 7, upsert: Item.fromPartial({ id: 'g' }) }], 'z')[0],
  ],
  ['a block of an ordinal never given', events([{ epoch: 2, ordinal: 1, unblock: {} }], 'z')[0]],
])('%s is void', (_, event) => {
  const fold = new CatalogueFold();
  applied(fold, events(upsertChanges(fold.catalogue, items('a')), 'x'));
  expect(fold.apply(event)).toBe(false);
  expect([fold.catalogue.epoch, fold.catalogue.liveCount]).toEqual([1, 1]);
});
