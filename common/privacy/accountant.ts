/**
 * What one answer costs whom it is about. It is bounded by the composition of pure mechanisms and of one zero-concentrated one, except
 * with probability `delta`.
 */
export interface PrivacyLoss {
  /** Pure mechanisms. Each costs what randomised response with its ε does, which no pure mechanism exceeds. */
  readonly pure: readonly { readonly epsilon: number; readonly times: number }[];
  /** ρ of zero-concentrated differential privacy: Δ² / 2σ² for a (discrete) Gaussian. */
  readonly rho: number;
  /** Probability with which the rest does not hold, as of partition selection. */
  readonly delta: number;
}

/** Orders α of the Rényi divergence that losses are kept at; the last one is ∞, the pure loss. */
const ORDERS: Float64Array = Float64Array.from([...geometric(0.01, 1e6, 1.05), Number.POSITIVE_INFINITY]);

function geometric(from: number, until: number, ratio: number): number[] {
  const orders: number[] = [];
  for (let above = from; above < until; above *= ratio) orders.push(1 + above);
  return orders;
}

/**
 * Losses composed by Rényi differential privacy (Mironov, CSF 2017) beside a sum of the deltas. Adaptive composition is covered.
 */
export class PrivacyAccount {
  readonly #divergences = new Float64Array(ORDERS.length);
  #delta = 0;

  add(loss: PrivacyLoss): void {
    addDivergences(this.#divergences, loss);
    this.#delta += loss.delta;
  }

  /** The ε at which all that was added is (ε, δ)-private, `more` included; ∞ if δ does not allow any. Never below the exact value. */
  epsilon(delta: number, more?: PrivacyLoss): number {
    if (more === undefined) return epsilonOf(this.#divergences, delta - this.#delta);
    const divergences = this.#divergences.slice();
    addDivergences(divergences, more);
    return epsilonOf(divergences, delta - this.#delta - more.delta);
  }

  /** The sum of the deltas. */
  get delta(): number {
    return this.#delta;
  }
}

/** The greatest ρ that is (ε, δ)-private. */
export function rhoOf(epsilon: number, delta: number): number {
  let rho = 0;
  for (const order of ORDERS.subarray(0, -1))
    rho = Math.max(rho, (epsilon - conversion(order, delta)) / order);
  return rho;
}

function addDivergences(divergences: Float64Array, { pure, rho }: PrivacyLoss): void {
  if (rho > 0) for (let i = 0; i < divergences.length; i++) divergences[i] += rho * ORDERS[i];
  for (const { epsilon, times } of pure) {
    const each = pureDivergences(epsilon);
    for (let i = 0; i < divergences.length; i++) divergences[i] += times * each[i];
  }
}

/** Divergences of pure mechanisms by ε, kept since the same queries come again and again. */
const PURE = new Map<number, Float64Array>();
const PURE_MAX = 1_024;

function pureDivergences(epsilon: number): Float64Array {
  let each = PURE.get(epsilon);
  if (each === undefined) {
    each = ORDERS.map((order) => pureDivergence(order, epsilon));
    if (PURE.size >= PURE_MAX) PURE.clear();
    PURE.set(epsilon, each);
  }
  return each;
}

/** Rényi divergence of order α between the two outcomes of binary randomised response with ε. */
function pureDivergence(order: number, epsilon: number): number {
  if (order === Number.POSITIVE_INFINITY) return epsilon;
  return (logCosh((order - 0.5) * epsilon) - logCosh(epsilon / 2)) / (order - 1);
}

function logCosh(x: number): number {
  if (x > 1) return x + Math.log1p(Math.exp(-2 * x)) - Math.LN2;
  const sinh = Math.sinh(x / 2);
  return Math.log1p(2 * sinh * sinh);
}

function epsilonOf(divergences: Float64Array, delta: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const [i, order] of ORDERS.entries())
    least = Math.min(least, divergences[i] + conversion(order, delta));
  return Math.max(0, least);
}

/** What is added to the divergence of order α for an (ε, δ) guarantee (Canonne, Kamath, Steinke 2020, proposition 12). */
function conversion(order: number, delta: number): number {
  if (delta < 0) return Number.POSITIVE_INFINITY;
  if (order === Number.POSITIVE_INFINITY) return 0;
  if (delta === 0) return Number.POSITIVE_INFINITY;
  return (-Math.log(delta) + (order - 1) * Math.log1p(-1 / order) - Math.log(order)) / (order - 1);
}
