import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { adjustedMinima, failProbability, unadjustedMinima } from './fa-ir.ts';

interface Case {
  k: number;
  p: number;
  alpha: number;
}

interface FaIrVectors {
  unadjusted_mtable: (Case & { mtable: number[] })[];
  adjusted_mtable: (Case & { mtable: number[] })[];
  adjusted_alpha: (Case & { value: number })[];
  fail_probability_of_adjusted: (Case & { value: number })[];
  tolerance: number;
}

const path = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/fairness/fa_ir.json');
const reason = existsSync(path) ? '' : ` (skipped: ${path} is absent)`;

it.skipIf(reason !== '')(`makes the tables of the FA*IR vectors${reason}`, () => {
  const vectors: FaIrVectors = JSON.parse(readFileSync(path, 'utf8'));
  const digits = -Math.log10(vectors.tolerance * 2);
  for (const { k, p, alpha, mtable } of vectors.unadjusted_mtable)
    expect([...unadjustedMinima(k, p, alpha)], `${k} ${p} ${alpha}`).toEqual(mtable);
  for (const { k, p, alpha, mtable } of vectors.adjusted_mtable)
    expect([...adjustedMinima(k, p, alpha).minima], `${k} ${p} ${alpha}`).toEqual(mtable);
  for (const { k, p, alpha, value } of vectors.adjusted_alpha)
    expect(adjustedMinima(k, p, alpha).significance, `${k} ${p} ${alpha}`).toBeCloseTo(value, digits);
  for (const { k, p, alpha, value } of vectors.fail_probability_of_adjusted)
    expect(failProbability(adjustedMinima(k, p, alpha).minima, p), `${k} ${p} ${alpha}`).toBeCloseTo(
      value,
      digits,
    );
});

it('a table at proportion 1/2 and significance 0 asks for nothing and never fails', () => {
  expect([...unadjustedMinima(5, 0.5, 0)]).toEqual([0, 0, 0, 0, 0]);
  expect(failProbability([0, 0, 0], 0.5)).toBeCloseTo(0, 12);
  expect(failProbability([0, 1, 1], 0.5)).toBeCloseTo(0.25, 12);
});
