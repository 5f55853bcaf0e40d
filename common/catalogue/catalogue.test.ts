import { expect, test } from 'vitest';
import { type CatalogueChange, Item } from '../../gen/millrace/features/v1/features.ts';
import { Random } from '../random.ts';
import { Catalogue } from './catalogue.ts';

const NOW_MS = 1_000;

/** A catalogue after `count` random changes, one an epoch, and every change. */
function changed(random: Random, count: number): { catalogue: Catalogue; changes: CatalogueChange[] } {
  const catalogue = new Catalogue('l');
  const changes: CatalogueChange[] = [];
  for (let epoch = 1; epoch <= count; epoch++) {
    const isNew = catalogue.size === 0 || random.next() < 0.4;
    const ordinal = isNew ? catalogue.size : random.int(catalogue.size);
    const item = Item.fromPartial({ id: `i${ordinal}`, title: `at ${epoch}` });
    const kinds = [{ upsert: item }, { delete: {} }, { block: { reason: '', untilMs: 0 } }, { unblock: {} }];
    const change = { epoch, ordinal, ...kinds[isNew ? 0 : random.int(kinds.length)] };
    catalogue.apply(change);
    changes.push(change);
  }
  return { catalogue, changes };
}

function contents(catalogue: Catalogue): unknown[] {
  return Array.from({ length: catalogue.size }, (_, ordinal) => [
    catalogue.idOf(ordinal),
    catalogue.item(ordinal)?.title,
    catalogue.isBlocked(ordinal, NOW_MS),
  ]);
}

test('a copy of any age catches up, in one go or in parts, also with a catalogue that was written and read', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { catalogue, changes } = changed(new Random(seed), 60);
    for (const source of [catalogue, Catalogue.read(catalogue.serialise())]) {
      for (const age of [0, 1, 10, 30, 59, 60]) {
        for (const max of [Number.POSITIVE_INFINITY, 5]) {
          const copy = new Catalogue('l');
          for (const change of changes.slice(0, age)) copy.apply(change);
          for (let calls = 0; copy.epoch < source.epoch && calls < 200; calls++)
            for (const change of source.changesSince(copy.epoch, max)) copy.apply(change);
          expect(copy.epoch).toBe(source.epoch);
          expect(contents(copy)).toEqual(contents(catalogue));
        }
      }
    }
  }
});

test('items changed after an epoch are still known as such after writing and reading', () => {
  const { catalogue } = changed(new Random(3), 40);
  const again = Catalogue.read(catalogue.serialise());
  for (const epoch of [0, 20, 40])
    expect([...again.changedSince(epoch)]).toEqual([...catalogue.changedSince(epoch)]);
});
