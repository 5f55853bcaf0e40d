import type { ItemMatch } from './schema.ts';

type Condition = NonNullable<ItemMatch['attributes']>[string];
type Range = NonNullable<ItemMatch['ageDays']>;

/** Whether the conditions alone say that every item of `narrow` is one of `wide`. */
export function implies(narrow: ItemMatch, wide: ItemMatch): boolean {
  if (wide.ids !== undefined && !within(narrow.ids, wide.ids)) return false;
  if (wide.categories !== undefined && !within(narrow.categories, wide.categories)) return false;
  if (wide.ageDays !== undefined && !(narrow.ageDays && rangeWithin(narrow.ageDays, wide.ageDays)))
    return false;
  return Object.entries(wide.attributes ?? {}).every(([name, condition]) => {
    const own = narrow.attributes?.[name];
    return own !== undefined && conditionWithin(own, condition);
  });
}

/** Whether the conditions alone say that all matching items share a value of the field. */
export function shareValue({ categories, attributes }: ItemMatch, field: string): boolean {
  const values = field === 'categories' ? categories : attributes?.[field];
  return Array.isArray(values) && values.length === 1;
}

function conditionWithin(narrow: Condition, wide: Condition): boolean {
  if (Array.isArray(wide)) return Array.isArray(narrow) && within(narrow, wide);
  if (!Array.isArray(narrow)) return rangeWithin(narrow, wide);
  return narrow.every(
    (value) => typeof value === 'number' && rangeWithin({ atLeast: value, atMost: value }, wide),
  );
}

function within<T>(narrow: readonly T[] | undefined, wide: readonly T[]): boolean {
  if (narrow === undefined) return false;
  const values = new Set(wide);
  return narrow.every((value) => values.has(value));
}

function rangeWithin(narrow: Range, wide: Range): boolean {
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = narrow;
  return (
    atLeast >= (wide.atLeast ?? Number.NEGATIVE_INFINITY) &&
    atMost <= (wide.atMost ?? Number.POSITIVE_INFINITY)
  );
}
