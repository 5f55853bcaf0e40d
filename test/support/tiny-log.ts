import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import type { LogData } from '../../services/training/dataset/from-log.ts';

/**
 * Feedback of two users as [user, item, action]; the row's number is its time and its offset. Attributes of one come before all.
 * Items have no categories but those given.
 */
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
  const profile = { age: { number: 7 } };
  const event = Event.fromPartial({ eventId: 'u1', user: { id: 'u1', attributes: profile } });
  return {
    users: ['u0', 'u1'],
    profiles: new Map([['u1', profile]]),
    userEvents: [{ offset: 0, event }],
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
