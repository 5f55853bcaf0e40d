import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packArrays, unpackArrays } from './arrays.ts';
import { MillraceError } from './errors.ts';

const arrays = {
  names: Uint8Array.of(1, 2, 3),
  ids: Uint32Array.of(7, 0xffffffff),
  steps: Int32Array.of(-5),
  factors: Float32Array.of(0.1, -0, Number.MAX_VALUE),
  empty: new Float64Array(0),
  sums: Float64Array.of(Math.PI),
};
const packed = packArrays('test.part', { rows: 3, title: 'Ænigma' }, arrays);

function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    expect((error as MillraceError).reason).toBe('BUNDLE_DAMAGED');
    return (error as MillraceError).message;
  }
  throw new Error('nothing was refused');
}

describe('packed arrays', () => {
  it('come back with the same bits, from aligned and from unaligned bytes', () => {
    const shifted = new Uint8Array(packed.length + 3).subarray(3);
    shifted.set(packed);
    for (const bytes of [packed, shifted]) {
      const part = unpackArrays(bytes, 'test.part');
      expect(part.meta(z.object({ rows: z.number(), title: z.string() }))).toEqual({
        rows: 3,
        title: 'Ænigma',
      });
      expect(part.array('names', 'u8')).toEqual(arrays.names);
      expect(part.array('ids', 'u32', 2)).toEqual(arrays.ids);
      expect(part.array('steps', 'i32')).toEqual(arrays.steps);
      expect(part.array('factors', 'f32')).toEqual(arrays.factors);
      expect(part.array('empty', 'f64', 0)).toEqual(arrays.empty);
      expect(part.array('sums', 'f64')).toEqual(arrays.sums);
    }
  });

  it('are views of aligned bytes', () => {
    const ids = unpackArrays(packed, 'test.part').array('ids', 'u32');
    expect(ids.buffer).toBe(packed.buffer);
    expect(ids.byteOffset % 8).toBe(0);
  });

  it('refuse another kind, name, type, length and metadata, saying which', () => {
    expect(failure(() => unpackArrays(packed, 'model.ials'))).toBe('model.ials: the part holds "test.part"');
    const part = unpackArrays(packed, 'test.part');
    expect(failure(() => part.array('weights', 'f32'))).toBe('test.part: array "weights" is missing');
    expect(failure(() => part.array('ids', 'f32'))).toBe('test.part: array "ids" is u32, not f32');
    expect(failure(() => part.array('ids', 'u32', 9))).toBe('test.part: array "ids" has 2 elements, not 9');
    expect(failure(() => part.meta(z.object({ rows: z.string() })))).toMatch(/^test\.part: meta\.rows: /);
  });

  it('refuse every truncation', () => {
    const end = packed.length - 8;
    for (let length = 0; length <= end; length++) {
      expect(failure(() => unpackArrays(packed.slice(0, length), 'test.part'))).toMatch(/^test\.part: /);
    }
  });

  it('refuse a foreign magic, a newer format and a damaged header', () => {
    const damaged = (at: number, value: number) => {
      const bytes = packed.slice();
      bytes[at] = value;
      return failure(() => unpackArrays(bytes, 'test.part'));
    };
    expect(damaged(0, 0)).toContain('wrong magic');
    expect(damaged(4, 9)).toBe('test.part: format 9, this reads 1');
    expect(damaged(16, 0)).toBe('test.part: the header is damaged');
  });
});
