import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';
import { FAILED, type Words } from './readers.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

const NO_WORDS: readonly string[] = [];

/** The first of the attributes that is set; undefined: missing. */
function firstOf(attributes: Attributes, names: readonly string[]): AttributeValue | undefined {
  for (const name of names) {
    const value = attributes[name];
    if (value !== undefined && !isEmpty(value)) return value;
  }
  return undefined;
}

function isEmpty({ number, text, texts }: AttributeValue): boolean {
  return number === undefined && (text ?? '') === '' && (texts?.values.length ?? 0) === 0;
}

/** A number, or a text that is one; NaN: missing. */
export function numberOf(attributes: Attributes, names: readonly string[]): number | typeof FAILED {
  const value = firstOf(attributes, names);
  if (value === undefined) return Number.NaN;
  const number = value.number ?? (value.texts === undefined ? Number(value.text) : Number.NaN);
  return Number.isFinite(number) ? number : FAILED;
}

/** The words of a text or a list; a number counts as the word that it is written as. */
export function wordsOf(attributes: Attributes, names: readonly string[]): Words {
  const value = firstOf(attributes, names);
  if (value === undefined) return NO_WORDS;
  if (value.texts !== undefined) return value.texts.values;
  return [value.text ?? String(value.number)];
}

/** The numbers of a list of `dim`; none: missing. */
export function vectorOf(
  attributes: Attributes,
  names: readonly string[],
  dim: number,
): readonly number[] | typeof FAILED {
  const value = firstOf(attributes, names);
  if (value === undefined) return [];
  const numbers = value.texts?.values.map(Number) ?? [];
  return numbers.length === dim && numbers.every(Number.isFinite) ? numbers : FAILED;
}
