import { regularisedBeta } from './incomplete-beta.ts';

/**
 * Probability that a variable with Student's t distribution of `degrees` > 0 degrees of freedom is at least |t| away from 0:
 * the regularised incomplete beta function I_x(degrees/2, 1/2) at x = degrees / (degrees + t²).
 */
export function twoSidedStudentT(t: number, degrees: number): number {
  return regularisedBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
}
