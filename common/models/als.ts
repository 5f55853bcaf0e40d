import { KernelPool } from '../kernels/kernel-pool.ts';
import { FactorTable, LeastSquaresRows } from '../kernels/least-squares.ts';
import { Random } from '../random.ts';
import type { FitRun, Refinement, VectorModel } from './candidate-model.ts';
import { type InteractionMatrix, transpose } from './interactions.ts';
import { vectorModel } from './vector-model.ts';

/**
 * Alternating least squares with every cell of the matrix as a rating of equal weight, 1 where a pair is in it and else 0 (Pan et
 * al. 2008, "all missing as negative"): Σ_all (x − w·h)² + λ (Σ ‖w‖² + Σ ‖h‖²). iALS without its confidence in what was observed.
 */
export interface AlsOptions {
  readonly dim: number;
  readonly sweeps: number;
  /** λ. */
  readonly regularisation: number;
}

/** Settings to choose from, the best on MovieLens-1M first. */
export const alsGrid: readonly AlsOptions[] = [64, 128, 32].flatMap((dim) =>
  [20, 30, 45, 8].map((regularisation) => ({ dim, sweeps: 12, regularisation })),
);

/** Then smaller penalties for as long as they help, which sparse data does with. */
export const alsRefinements: readonly Refinement<AlsOptions>[] = [3, 1, 0.3].map(
  (regularisation) => (_, best) =>
    best.regularisation < 4 * regularisation ? [{ ...best, regularisation }] : [],
);

const INITIAL_DEVIATION = 0.1;
const CG_STEPS = 4;

/** The matrix's weights and times are not used. The same bits for any number of threads. */
export async function fitAls(
  matrix: InteractionMatrix,
  { dim, sweeps, regularisation }: AlsOptions,
  { seed, threads, onProgress }: FitRun,
): Promise<VectorModel> {
  using pool = new KernelPool(threads);
  const users = new FactorTable(pool, matrix.rowCount, dim);
  const items = new FactorTable(pool, matrix.columnCount, dim);
  const random = new Random(seed);
  items.fill(() => (INITIAL_DEVIATION / Math.sqrt(dim)) * random.normal());
  const side = (rows: InteractionMatrix): LeastSquaresRows => {
    const ridges = new Float32Array(rows.rowCount).fill(regularisation);
    const pulls = new Float32Array(rows.columns.length).fill(1);
    return new LeastSquaresRows(pool, { ...rows, weights: new Float32Array(pulls.length) }, ridges, pulls);
  };
  const [userSide, itemSide] = [side(matrix), side(transpose(matrix))];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    userSide.improve(users, items, items.gramian(1), CG_STEPS);
    itemSide.improve(items, users, users.gramian(1), CG_STEPS);
    onProgress?.(sweep + 1, sweeps);
  }
  userSide.improve(users, items, items.gramian(1), dim);
  return vectorModel(dim, users.unpadded(), items.unpadded());
}
