import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';
import { wordsOf } from '../features/attribute-values.ts';
import { FAILED } from '../features/readers.ts';

/** The words of the first of the attributes that is set; none where none is. */
export function labelsOf(
  attributes: Readonly<Record<string, AttributeValue>>,
  names: readonly string[],
): readonly string[] {
  const words = wordsOf(attributes, names);
  return words === FAILED ? [] : words;
}
