import { describe, expect, it } from 'vitest';
import { encodeRow } from './encoded-features.ts';
import { type FeatureColumn, fitFeatureEncoding } from './feature-columns.ts';

const NAN = Number.NaN;

function encodingOf(
  values: readonly number[],
  bins = 4,
  kind: FeatureColumn = { kind: 'numeric', name: 'x' },
) {
  return fitFeatureEncoding(Float32Array.from(values), [kind], { bins });
}

describe('a numeric column', () => {
  it('has bins of equal frequency, and gives a frequent value one of its own', () => {
    const [even] = encodingOf(Array.from({ length: 100 }, (_, i) => i)).numeric;
    expect(even.edges).toEqual([0, 24.5, 49.5, 74.5, 99]);
    const spiked = [...new Array<number>(60).fill(0), ...Array.from({ length: 30 }, (_, i) => i + 1)];
    expect(encodingOf(spiked).numeric[0].edges).toEqual([0, 0.5, 10.5, 20.5, 30]);
    expect(encodingOf([1, 2, 1, 2, 1]).numeric[0].edges).toEqual([1, 1.5, 2]);
  });

  it('is on a logarithmic scale where it is skewed, to either side', () => {
    const skewed = Array.from({ length: 50 }, (_, i) => Math.exp(i / 5));
    expect(encodingOf(skewed).numeric[0].logScale).toBeCloseTo(Math.exp(5), 1);
    expect(encodingOf(skewed.map((value) => -value)).numeric[0].logScale).toBeCloseTo(Math.exp(5), 1);
    expect(encodingOf(Array.from({ length: 50 }, (_, i) => i)).numeric[0].logScale).toBe(0);
  });

  it('fills its bins up to the value, and reads a value outside the training range as the nearest in it', () => {
    const encoding = encodingOf([0, 10, 20, 30, 40, NAN], 2);
    const [{ edges, mean, inverseStd }] = encoding.numeric;
    expect(edges).toEqual([0, 25, 40]);
    const rowOf = (value: number) => encodeRow(Float32Array.of(value), encoding);
    const at30 = rowOf(30);
    expect([...at30.dense.slice(1)]).toEqual([0, 1, 5 * Math.fround(1 / 15)]);
    expect(at30.dense[0]).toBeCloseTo((30 - mean) * inverseStd, 12);
    expect(at30.bins).toEqual([1]);
    expect(rowOf(1e9)).toEqual(rowOf(40));
    expect(rowOf(-1e9)).toEqual(rowOf(0));
    expect([...rowOf(NAN).dense]).toEqual([0, 1, 0, 0]);
    expect(rowOf(NAN).bins).toEqual([2]);
  });

  it('is left out where it never varied, and is an indicator where only its presence did', () => {
    expect(encodingOf([3, 3, 3]).numeric).toEqual([]);
    expect(encodingOf([NAN, NAN]).numeric).toEqual([]);
    const { numeric } = encodingOf([3, NAN, 3]);
    expect(numeric[0]).toMatchObject({ edges: [], inverseStd: 0, indicator: true });
  });

  it('is refused where it is infinite', () => {
    expect(() => encodingOf([1, Infinity])).toThrow("column 'x' has an infinite value");
  });
});

it('a categorical column tells codes, unseen categories and missing ones apart', () => {
  const encoding = encodingOf([0, 1, 1, -1, NAN], 4, { kind: 'categorical', name: 'c', size: 3 });
  expect([...encoding.categorical[0].counts]).toEqual([1, 2, 0, 1, 1]);
  const indexOf = (value: number) => encodeRow(Float32Array.of(value), encoding).categories[0];
  expect([0, 2, 3, 1e6, -1, NAN].map(indexOf)).toEqual([0, 2, 3, 3, 3, 4]);
});
