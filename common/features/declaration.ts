import type { Encoding, FeatureType } from './encodings/encoding.ts';
import type { FeatureReader } from './readers.ts';

type Entity = 'user' | 'item' | 'interaction' | 'context';

/** One feature: everything that the vectoriser, the schema, the documentation and the checks know of it. */
export interface FeatureDeclaration {
  readonly name: string;
  /** Raised whenever the value's meaning changes. */
  readonly version: number;
  readonly entity: Entity;
  readonly family: string;
  readonly type: FeatureType;
  /** What stands for a number that is missing. `missing`: NaN, which models treat as such. A value that *failed* is always NaN. */
  readonly default: 'missing' | number;
  readonly encoding: Encoding;
  /** The reducers over events, attributes or columns that the value is made of. */
  readonly from: readonly string[];
  readonly owner: string;
  readonly description: string;
  /** How the value is read. */
  readonly read: FeatureReader;
}

/** A built-in declaration, with what most of them have in common filled in. */
export function feature(
  name: string,
  fields: Pick<FeatureDeclaration, 'family' | 'read' | 'description'> &
    Partial<Omit<FeatureDeclaration, 'name' | 'entity'>>,
): FeatureDeclaration {
  const [entity] = name.split('.');
  return {
    name,
    entity: entity === 'retrieval' ? 'interaction' : (entity as Entity),
    version: 1,
    type: 'number',
    default: 'missing',
    encoding: { kind: 'number' },
    from: [],
    owner: 'millrace',
    ...fields,
  };
}
