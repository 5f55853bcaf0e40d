import type { Item } from '../../gen/millrace/features/v1/features.ts';

/** What a message that holds many items may come to; clients accept 16 MiB. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

const UTF8_BYTES_MAX = 3;
const FIXED_BYTES = 100;
const FIELD_BYTES = 20;

/** The most that an item can take on the wire, without encoding it. 0: no item. */
export function itemBytesMax(item: Item | undefined): number {
  if (item === undefined) return 0;
  let chars = item.id.length + item.title.length + item.text.length;
  let fields = item.categories.length + item.regions.length;
  for (const category of item.categories) chars += category.length;
  for (const region of item.regions) chars += region.length;
  for (const [name, { text, texts }] of Object.entries(item.attributes)) {
    fields += 1 + (texts?.values.length ?? 0);
    chars += name.length + (text?.length ?? 0);
    for (const value of texts?.values ?? []) chars += value.length;
  }
  return FIXED_BYTES + fields * FIELD_BYTES + chars * UTF8_BYTES_MAX;
}
