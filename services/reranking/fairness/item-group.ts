import type { PopularityModel } from '../../../common/models/popularity.ts';
import type { ItemFields } from '../item-fields.ts';
import type { GroupSettings } from '../policy-schema.ts';

const DAY_MS = 86_400_000;

/** A named set of items. */
export interface ItemGroup {
  readonly name: string;
  has(ordinal: number, nowMs: number): boolean;
}

/** Without a popularity model every item is of the long tail. */
export function itemGroup(
  name: string,
  settings: GroupSettings,
  fields: ItemFields,
  popularity: PopularityModel | undefined,
): ItemGroup {
  if ('ageDaysMax' in settings) {
    const { startMs } = fields;
    const ageMsMax = settings.ageDaysMax * DAY_MS;
    return { name, has: (ordinal, nowMs) => nowMs - startMs.at(ordinal) <= ageMsMax };
  }
  if ('outsideHeadShare' in settings) {
    const head = popularity === undefined ? new Uint8Array(0) : headOf(popularity, settings.outsideHeadShare);
    return { name, has: (ordinal) => ordinal >= head.length || head[ordinal] === 0 };
  }
  const values = fields.values(settings.field);
  const numbers = settings.values.map((value) => values.numberOf(value));
  return {
    name,
    has: (ordinal) => {
      for (let i = 0; i < values.lengthOf(ordinal); i++)
        if (numbers.includes(values.at(ordinal, i))) return true;
      return false;
    },
  };
}

/** By ordinal: 1 for the fewest most popular items that together have `share` of the interactions. */
function headOf({ scores, order }: PopularityModel, share: number): Uint8Array {
  const head = new Uint8Array(scores.length);
  const enough = scores.reduce((sum, score) => sum + score, 0) * share;
  let sum = 0;
  for (let at = 0; at < order.length && sum < enough; at++) {
    head[order[at]] = 1;
    sum += scores[order[at]];
  }
  return head;
}
