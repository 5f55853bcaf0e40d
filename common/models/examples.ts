/** Labelled rows for a pointwise ranker. */
export interface Examples {
  readonly rows: number;
  /** Features a row. */
  readonly width: number;
  /** `rows` × `width`, row-major; NaN is a missing value, all others are finite. */
  readonly features: Float32Array;
  /** One a row, in [0, 1]: 1 is a positive, a fraction is a soft label. */
  readonly labels: Float32Array;
  /** One a row, ≥ 0, not all 0; their scale does not matter. All rows weigh the same where absent. */
  readonly weights?: Float32Array;
}

/** Throws naming the array and the row that breaks the contract of `Examples`. */
export function checkExamples(examples: Examples): void {
  const { rows, labels } = examples;
  checkRows(examples);
  checkLength('labels', labels, rows);
  checkValues('labels', labels, (label) => label >= 0 && label <= 1);
}

/** The part of `checkExamples` that is not about labels. */
export function checkRows({ rows, width, features, weights }: Omit<Examples, 'labels'>): void {
  checkLength('features', features, rows * width);
  if (rows === 0) throw new Error('there are no examples');
  for (let i = 0; i < features.length; i++) {
    if (Math.abs(features[i]) === Number.POSITIVE_INFINITY) {
      throw new Error(`features: row ${Math.floor(i / width)} column ${i % width} is ${features[i]}`);
    }
  }
  if (weights === undefined) return;
  checkLength('weights', weights, rows);
  checkValues('weights', weights, (weight) => weight >= 0 && weight < Number.POSITIVE_INFINITY);
  if (weights.every((weight) => weight === 0)) throw new Error('weights: all are 0');
}

export function checkLength(name: string, array: Float32Array, expected: number): void {
  if (array.length !== expected) throw new Error(`${name}: ${array.length} values, expected ${expected}`);
}

/** Throws naming the first value that is not `valid`. */
export function checkValues(name: string, array: Float32Array, valid: (value: number) => boolean): void {
  const row = array.findIndex((value) => !valid(value));
  if (row >= 0) throw new Error(`${name}: row ${row} is ${array[row]}`);
}
