/** Moves parameters against their gradients, in place. `rate` is the learning rate of this step. */
export interface Optimiser {
  step(parameters: Float32Array, gradients: Float32Array, rate: number): void;
}

export type OptimiserName = 'adam' | 'sgd';

/** Adam's constants (Kingma & Ba, ICLR 2015), and the bias correction of step `steps`, from 1, as a factor and a floor. */
export const ADAM = {
  beta1: 0.9,
  beta2: 0.999,
  at(steps: number, rate: number): { scaled: number; floor: number } {
    const correction = Math.sqrt(1 - ADAM.beta2 ** steps);
    return { scaled: (rate * correction) / (1 - ADAM.beta1 ** steps), floor: 1e-8 * correction };
  },
};

/** Adam with bias correction. */
export class Adam implements Optimiser {
  readonly #mean: Float32Array;
  readonly #square: Float32Array;
  #steps = 0;

  constructor(size: number) {
    this.#mean = new Float32Array(size);
    this.#square = new Float32Array(size);
  }

  step(parameters: Float32Array, gradients: Float32Array, rate: number): void {
    const { beta1, beta2 } = ADAM;
    const mean = this.#mean;
    const square = this.#square;
    const { scaled, floor } = ADAM.at(++this.#steps, rate);
    for (let i = 0; i < parameters.length; i++) {
      const gradient = gradients[i];
      const m = beta1 * mean[i] + (1 - beta1) * gradient;
      const v = beta2 * square[i] + (1 - beta2) * gradient * gradient;
      mean[i] = m;
      square[i] = v;
      parameters[i] = parameters[i] - (scaled * m) / (Math.sqrt(v) + floor);
    }
  }
}

/** Stochastic gradient descent with heavy-ball momentum (0: none). */
export class Sgd implements Optimiser {
  readonly #velocity: Float32Array;
  readonly #momentum: number;

  constructor(size: number, momentum = 0) {
    this.#velocity = new Float32Array(size);
    this.#momentum = momentum;
  }

  step(parameters: Float32Array, gradients: Float32Array, rate: number): void {
    const velocity = this.#velocity;
    for (let i = 0; i < parameters.length; i++) {
      const v = this.#momentum * velocity[i] + gradients[i];
      velocity[i] = v;
      parameters[i] = parameters[i] - rate * v;
    }
  }
}

export interface Penalties {
  /** Adds l1 · sign(w) to the gradient: the subgradient of l1 · Σ|w|. */
  readonly l1?: number;
  /** Adds l2 · w to the gradient: the gradient of l2 / 2 · Σw². */
  readonly l2?: number;
}

/** Adds the penalties' gradients over `ranges` of the parameters. */
export function addPenalties(
  parameters: Float32Array,
  gradients: Float32Array,
  ranges: readonly { readonly start: number; readonly end: number }[],
  { l1 = 0, l2 = 0 }: Penalties,
): void {
  if (l1 === 0 && l2 === 0) return;
  for (const { start, end } of ranges) {
    for (let i = start; i < end; i++) {
      gradients[i] = gradients[i] + penalty(parameters[i], l1, l2);
    }
  }
}

/** The penalties' gradient at a parameter. */
export function penalty(parameter: number, l1: number, l2: number): number {
  return l2 * parameter + l1 * Math.sign(parameter);
}

/** Scales the parts of one gradient down to a common Euclidean norm of `maximum` where it is larger. */
export function clipNorm(parts: readonly Float32Array[], maximum: number): void {
  let square = 0;
  for (const part of parts) for (let i = 0; i < part.length; i++) square += part[i] * part[i];
  const norm = Math.sqrt(square);
  if (norm <= maximum) return;
  const scale = maximum / norm;
  for (const part of parts) for (let i = 0; i < part.length; i++) part[i] *= scale;
}
