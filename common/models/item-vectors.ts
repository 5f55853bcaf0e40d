import { z } from 'zod';
import type { Space } from '../ann/vectors.ts';
import { packArrays, unpackArrays } from '../arrays.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { MillraceError } from '../errors.ts';
import { vectorOf } from '../features/attribute-values.ts';
import { FAILED } from '../features/readers.ts';

const KIND = 'item-vectors';
/** Numbers of one vector, at most. */
const DIM_MAX = 4_096;

/** Vectors that were computed elsewhere and imported as an attribute of items. */
export interface ItemVectors {
  readonly attribute: string;
  readonly space: Exclude<Space, 'l2'>;
  readonly dim: number;
  /** Of the items that have a vector, ascending. */
  readonly ordinals: Uint32Array;
  /** Row-major, a row for each of `ordinals`. */
  readonly vectors: Float32Array<ArrayBuffer>;
  /** Ids of items whose attribute is there but no vector of that length. */
  readonly leftOut: readonly string[];
}

/**
 * The vectors of an attribute. Their length is the one that most items have, the shorter one on a tie; whatever else the attribute holds
 * is left out. CONFIG_INVALID where no item has a list of 1 to 4,096 numbers.
 */
export function itemVectors(
  catalogue: Catalogue,
  { attribute, space }: Pick<ItemVectors, 'attribute' | 'space'>,
): ItemVectors {
  const lengths = new Map<number, number>();
  const having: number[] = [];
  for (let ordinal = 0; ordinal < catalogue.size; ordinal++) {
    const value = catalogue.item(ordinal)?.attributes[attribute];
    if (value === undefined) continue;
    having.push(ordinal);
    const length = value.texts?.values.length ?? 0;
    if (length >= 1 && length <= DIM_MAX && vectorAt(catalogue, ordinal, attribute, length) !== undefined)
      lengths.set(length, (lengths.get(length) ?? 0) + 1);
  }
  const [commonest] = [...lengths].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  if (commonest === undefined)
    throw new MillraceError(
      'CONFIG_INVALID',
      `train.vectors: no item has a list of 1 to ${DIM_MAX} numbers as its attribute ${attribute}`,
    );
  const [dim, count] = commonest;
  const ordinals = new Uint32Array(count);
  const vectors = new Float32Array(count * dim);
  const leftOut: string[] = [];
  let row = 0;
  for (const ordinal of having) {
    const vector = vectorAt(catalogue, ordinal, attribute, dim);
    if (vector === undefined) {
      leftOut.push(catalogue.item(ordinal)?.id ?? '');
      continue;
    }
    vectors.set(vector, row * dim);
    ordinals[row++] = ordinal;
  }
  return { attribute, space, dim, ordinals, vectors, leftOut };
}

/** An item's vector of `dim` numbers that are finite as float32; undefined where it has none. */
export function vectorAt(
  catalogue: Catalogue,
  ordinal: number,
  attribute: string,
  dim: number,
): Float32Array | undefined {
  const item = catalogue.item(ordinal);
  const read = item === undefined ? [] : vectorOf(item.attributes, [attribute], dim);
  if (read === FAILED || read.length === 0) return undefined;
  const vector = Float32Array.from(read);
  return vector.every(Number.isFinite) ? vector : undefined;
}

export function encodeItemVectors({ ordinals, vectors, ...meta }: ItemVectors): Uint8Array {
  return packArrays(KIND, meta, { ordinals, vectors });
}

/** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
export function decodeItemVectors(bytes: Uint8Array): ItemVectors {
  const part = unpackArrays(bytes, KIND);
  const meta = part.meta(
    z.object({
      attribute: z.string(),
      space: z.enum(['cosine', 'ip']),
      dim: z.number().int().min(1).max(DIM_MAX),
      leftOut: z.array(z.string()),
    }),
  );
  const ordinals = part.array('ordinals', 'u32');
  const vectors = part.array('vectors', 'f32', ordinals.length * meta.dim) as Float32Array<ArrayBuffer>;
  return { ...meta, ordinals, vectors };
}
