import { KernelPool } from '../kernels/kernel-pool.ts';
import { FactorTable, LeastSquaresRows } from '../kernels/least-squares.ts';
import { Random } from '../random.ts';
import type { IalsOptions } from './ials.ts';
import { type InteractionMatrix, transpose } from './interactions.ts';
import { withRecency } from './recency.ts';

const INITIAL_DEVIATION = 0.1;

/** λ (mass + α0 · others)^ν: what multiplies ‖x‖² of a row with observed weight `mass` against `others` columns. */
export function ridgeOf(options: IalsOptions, mass: number, others: number): number {
  const { regularisation, unobservedWeight, frequencyExponent } = options;
  return regularisation * (mass + unobservedWeight * others) ** frequencyExponent;
}

/** The factors of iALS while they are learnt, on the threads of a pool, the same bits for any number. Dispose of it. */
export class IalsTraining implements Disposable {
  readonly #options: IalsOptions;
  readonly #matrix: InteractionMatrix;
  readonly #pool: KernelPool;
  readonly #users: FactorTable;
  readonly #items: FactorTable;
  readonly #userSide: LeastSquaresRows;
  readonly #itemSide: LeastSquaresRows;

  constructor(matrix: InteractionMatrix, options: IalsOptions, threads: number) {
    this.#options = options;
    this.#matrix = matrix;
    this.#pool = new KernelPool(threads);
    const byUser = withRecency(matrix, options.recency);
    const byItem = transpose(byUser);
    this.#users = new FactorTable(this.#pool, byUser.rowCount, options.dim);
    this.#items = new FactorTable(this.#pool, byItem.rowCount, options.dim);
    this.#userSide = this.#side(byUser);
    this.#itemSide = this.#side(byItem);
    const random = new Random(options.seed);
    const deviation = INITIAL_DEVIATION / Math.sqrt(options.dim);
    this.#items.fill(() => deviation * random.normal());
  }

  /** Improves all users, then all items. */
  sweep(): void {
    const { unobservedWeight, cgSteps } = this.#options;
    const [users, items] = [this.#users, this.#items];
    this.#userSide.improve(users, items, items.gramian(unobservedWeight), cgSteps);
    this.#itemSide.improve(items, users, users.gramian(unobservedWeight), cgSteps);
  }

  /** Row-major items × dim. */
  itemFactors(): Float32Array {
    return this.#items.unpadded();
  }

  /** Row-major users × dim: the rows folded in by `foldInRecency`, from where the sweeps have left them. */
  userFactors(): Float32Array {
    const { unobservedWeight, foldInRecency, foldInSteps } = this.#options;
    const rows = this.#side(withRecency(this.#matrix, foldInRecency));
    rows.improve(this.#users, this.#items, this.#items.gramian(unobservedWeight), foldInSteps);
    return this.#users.unpadded();
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }

  #side(rows: InteractionMatrix): LeastSquaresRows {
    const { offsets, weights, rowCount, columnCount } = rows;
    const ridges = new Float32Array(rowCount);
    for (let row = 0; row < rowCount; row++) {
      let mass = 0;
      for (let e = offsets[row]; e < offsets[row + 1]; e++) mass += weights[e];
      ridges[row] = ridgeOf(this.#options, mass, columnCount);
    }
    return new LeastSquaresRows(this.#pool, rows, ridges);
  }
}
