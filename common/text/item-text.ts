import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';

/** The text by which an item is searched and profiled: title, text and categories. Training and serving share it. */
export function itemText({ title, text, categories }: Item): string {
  return `${title}\n${text}\n${categories.join('\n')}`;
}

/** One text per ordinal, empty for a deleted item: the documents of the bundle's BM25 part. */
export function* itemTexts(catalogue: Catalogue): Iterable<string> {
  for (let ordinal = 0; ordinal < catalogue.size; ordinal++) {
    const item = catalogue.item(ordinal);
    yield item === undefined ? '' : itemText(item);
  }
}
