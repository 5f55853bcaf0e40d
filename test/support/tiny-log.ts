import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import type { LogData } from '../../services/training/dataset/from-log.ts';

/** Feedback of two users as [user, item, action]; the row's number is its time and its offset. Items have no categories but those given. */
export function logOf(
  rows: readonly (readonly [number, number, Action])[],
  itemCount = 5,
  categoriesOf: (item: number) => string[] = () => [],
): LogData {
  const catalogue = new Catalogue('test');
  for (let ordinal = 0; ordinal < itemCount; ordinal++)
    catalogue.apply({
      epoch: ordinal + 1,
      ordinal,
      upsert: Item.fromPartial({ id: String(ordinal), categories: categoriesOf(ordinal) }),
    });
  return {
    users: ['u0', 'u1'],
    profiles: new Map([['u1', { age: { number: 7 } }]]),
    catalogue,
    feedback: {
      user: Uint32Array.from(rows, ([user]) => user),
      item: Uint32Array.from(rows, ([, item]) => item),
      action: Uint8Array.from(rows, ([, , action]) => action),
      value: new Float32Array(rows.length).fill(Number.NaN),
      timeMs: Float64Array.from(rows, (_, row) => row),
      offset: Float64Array.from(rows, (_, row) => row),
    },
    unknownItems: 0,
    endOffset: rows.length,
  };
}
