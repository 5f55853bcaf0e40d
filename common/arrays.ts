import type { z } from 'zod';
import { MillraceError } from './errors.ts';

/**
 * One binary part holding named typed arrays and a little metadata. Layout, little-endian: magic "MRAR" (4 bytes), format
 * version (u32), header length in bytes (u32), 4 zero bytes, header (UTF-8 JSON: kind, meta, and name, type, byte offset and length of each
 * array), then the arrays, each at a multiple of 8 bytes from the start. Offsets count from the start of the part.
 */
const MAGIC = 0x5241524d;
const FORMAT_VERSION = 1;
const PREFIX_BYTES = 16;

const arrayTypes = {
  u8: Uint8Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

type ArrayType = keyof typeof arrayTypes;
type ArrayOf<T extends ArrayType> = {
  u8: Uint8Array;
  u32: Uint32Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
}[T];
type AnyArray = ArrayOf<ArrayType>;

interface Entry {
  readonly name: string;
  readonly type: ArrayType;
  readonly offset: number;
  readonly length: number;
}

interface Header {
  readonly kind: string;
  readonly meta: unknown;
  readonly arrays: readonly Entry[];
}

/** A decoded part. */
export interface PackedArrays {
  /** The metadata as `schema` reads it; BUNDLE_DAMAGED, naming the part's kind and the field, where it does not fit. */
  meta<T>(schema: z.ZodType<T>): T;
  /**
   * The named array, of `length` elements if given. A view of the part where the part is aligned to 8 bytes, else of a
   * copy. BUNDLE_DAMAGED, naming the part's kind and the array, where it is absent or of another type or length.
   */
  array<T extends ArrayType>(name: string, type: T, length?: number): ArrayOf<T>;
}

/** `kind` names what the part is, such as `model.ials`; `unpackArrays` refuses another. */
export function packArrays(
  kind: string,
  meta: unknown,
  arrays: Readonly<Record<string, AnyArray>>,
): Uint8Array {
  const lengths = Object.entries(arrays).map(([name, array]) => ({ name, type: typeOf(array), array }));
  const layout = (start: number): Entry[] => {
    let offset = start;
    return lengths.map(({ name, type, array }) => {
      const entry = { name, type, offset, length: array.length };
      offset = align(offset + array.byteLength);
      return entry;
    });
  };
  const headerBytes = (entries: Entry[]) =>
    new TextEncoder().encode(JSON.stringify({ kind, meta, arrays: entries }));
  let start = align(PREFIX_BYTES + headerBytes(layout(0)).length + 16 * lengths.length);
  const entries = layout(start);
  const header = headerBytes(entries);
  for (const { array } of lengths) start = align(start + array.byteLength);
  const bytes = new Uint8Array(start);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, FORMAT_VERSION, true);
  view.setUint32(8, header.length, true);
  bytes.set(header, PREFIX_BYTES);
  entries.forEach(({ offset }, i) => {
    const { array } = lengths[i];
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
  });
  return bytes;
}

/** Reads what `packArrays` wrote. BUNDLE_DAMAGED, naming `kind` and what is wrong with the bytes. */
export function unpackArrays(bytes: Uint8Array, kind: string): PackedArrays {
  const header = readHeader(bytes, kind);
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const byName = new Map(header.arrays.map((entry) => [entry.name, entry]));
  return {
    meta(schema) {
      const parsed = schema.safeParse(header.meta);
      if (parsed.success) return parsed.data;
      const { path, message } = parsed.error.issues[0];
      throw damaged(`${kind}: ${['meta', ...path].join('.')}: ${message}`);
    },
    array(name, type, length) {
      const entry = byName.get(name);
      if (entry === undefined) throw damaged(`${kind}: array "${name}" is missing`);
      if (entry.type !== type) throw damaged(`${kind}: array "${name}" is ${entry.type}, not ${type}`);
      if (length !== undefined && entry.length !== length) {
        throw damaged(`${kind}: array "${name}" has ${entry.length} elements, not ${length}`);
      }
      const make = arrayTypes[type] as unknown as new (
        buffer: ArrayBufferLike,
        offset: number,
        length: number,
      ) => never;
      return new make(aligned.buffer, aligned.byteOffset + entry.offset, entry.length);
    },
  };
}

function readHeader(bytes: Uint8Array, kind: string): Header {
  if (bytes.length < PREFIX_BYTES) throw damaged(`${kind}: ${bytes.length} bytes are too few for a part`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw damaged(`${kind}: not an array part (wrong magic)`);
  const version = view.getUint32(4, true);
  if (version !== FORMAT_VERSION) throw damaged(`${kind}: format ${version}, this reads ${FORMAT_VERSION}`);
  const headerEnd = PREFIX_BYTES + view.getUint32(8, true);
  if (headerEnd > bytes.length) throw damaged(`${kind}: truncated in the header`);
  const header = parseHeader(bytes.subarray(PREFIX_BYTES, headerEnd), kind);
  if (header.kind !== kind) throw damaged(`${kind}: the part holds "${header.kind}"`);
  for (const { name, type, offset, length } of header.arrays) {
    if (!(type in arrayTypes)) throw damaged(`${kind}: array "${name}" has unknown type "${type}"`);
    const sane = Number.isSafeInteger(length) && length >= 0 && offset >= headerEnd && offset % 8 === 0;
    if (!sane) throw damaged(`${kind}: array "${name}" has offset ${offset} and length ${length}`);
    const end = offset + length * arrayTypes[type].BYTES_PER_ELEMENT;
    if (end > bytes.length)
      throw damaged(`${kind}: truncated: array "${name}" ends at ${end} of ${bytes.length}`);
  }
  return header;
}

function parseHeader(bytes: Uint8Array, kind: string): Header {
  try {
    const header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Header;
    if (Array.isArray(header?.arrays)) return header;
  } catch {
    // Falls through to the one message about a damaged header.
  }
  throw damaged(`${kind}: the header is damaged`);
}

function damaged(message: string): MillraceError {
  return new MillraceError('BUNDLE_DAMAGED', message);
}

function typeOf(array: AnyArray): ArrayType {
  for (const type of Object.keys(arrayTypes) as ArrayType[])
    if (array instanceof arrayTypes[type]) return type;
  throw new TypeError(`cannot pack ${Object.prototype.toString.call(array)}`);
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
