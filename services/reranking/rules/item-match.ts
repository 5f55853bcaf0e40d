import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { AttributeValue } from '../../../gen/millrace/type/v1/type.ts';
import type { ItemMatch } from './schema.ts';

type Condition = NonNullable<ItemMatch['attributes']>[string];

/**
 * The conditions of a rule that an item meets or not whatever the time: all but its age. Notes which of the names it speaks of
 * no item has borne out yet.
 */
export class ItemMatcher {
  readonly #ids: ReadonlySet<string> | undefined;
  readonly #categories: ReadonlySet<string> | undefined;
  readonly #attributes: readonly (readonly [string, (value: AttributeValue) => boolean])[];
  readonly #unmet: { ids: Set<string>; categories: Set<string>; attributes: Set<string> };

  constructor(match: ItemMatch) {
    this.#ids = match.ids && new Set(match.ids);
    this.#categories = match.categories && new Set(match.categories);
    const attributes = Object.entries(match.attributes ?? {});
    this.#attributes = attributes.map(([name, condition]) => [name, compile(condition)]);
    this.#unmet = {
      ids: new Set(this.#ids),
      categories: new Set(this.#categories),
      attributes: new Set(attributes.map(([name]) => name)),
    };
  }

  matches(item: Item): boolean {
    this.#note(item);
    if (this.#ids !== undefined && !this.#ids.has(item.id)) return false;
    const categories = this.#categories;
    if (categories !== undefined && !item.categories.some((category) => categories.has(category)))
      return false;
    return this.#attributes.every(([name, holds]) => {
      const value = item.attributes[name];
      return value !== undefined && holds(value);
    });
  }

  /** Names that none of the items asked about has, as `category "Horor"`. */
  unmet(): string[] {
    return [
      ...[...this.#unmet.ids].map((id) => `id "${id}"`),
      ...[...this.#unmet.categories].map((category) => `category "${category}"`),
      ...[...this.#unmet.attributes].map((name) => `attribute "${name}"`),
    ];
  }

  #note(item: Item): void {
    const { ids, categories, attributes } = this.#unmet;
    if (ids.size > 0) ids.delete(item.id);
    if (categories.size > 0) for (const category of item.categories) categories.delete(category);
    for (const name of attributes) if (item.attributes[name] !== undefined) attributes.delete(name);
  }
}

function compile(condition: Condition): (value: AttributeValue) => boolean {
  if (Array.isArray(condition)) {
    const wanted = new Set<string | number | undefined>(condition);
    return ({ text, number, texts }) =>
      wanted.has(text) || wanted.has(number) || (texts?.values.some((value) => wanted.has(value)) ?? false);
  }
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = condition;
  return ({ number }) => number !== undefined && number >= atLeast && number <= atMost;
}
