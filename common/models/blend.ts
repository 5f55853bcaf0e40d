import type { CandidateModel, HeldOut } from './candidate-model.ts';
import type { InteractionMatrix } from './interactions.ts';

/** A weighted sum of its members' scores, each standardised within a row: mean 0 and deviation 1 over the items not in it. */
export interface Blend extends CandidateModel {
  /** One a member, not negative. */
  readonly weights: Float64Array;
}

/** Scores of the members that are kept between two measurements, for all members together. */
const CACHED_SCORES = 1 << 28;

/** Steps of the search, each tried upwards and downwards on every weight until none helps. */
const STEPS = [0.4, 0.2, 0.1, 0.05];

/**
 * Blends models by coordinate search on the held-out merit, which begins at the best member alone; with equal weights where
 * nothing is held out. The members are fitted to `matrix`.
 */
export async function fitBlend(
  members: readonly CandidateModel[],
  matrix: InteractionMatrix,
  heldOut?: HeldOut,
): Promise<Blend> {
  const rowsMax = Math.floor(CACHED_SCORES / (members.length * matrix.columnCount));
  const standardised = members.map((member) => new StandardisedScores(member, matrix, rowsMax));
  const weights = new Float64Array(members.length).fill(1);
  const blend = blendOf(standardised, weights);
  if (heldOut !== undefined) await search(blend, heldOut);
  for (const scores of standardised) scores.forget();
  return blend;
}

async function search(blend: Blend, heldOut: HeldOut): Promise<void> {
  const { weights } = blend;
  let best = Number.NEGATIVE_INFINITY;
  let bestWeights = weights.slice();
  const improves = async (): Promise<boolean> => {
    const merit = await heldOut.merit(blend);
    if (!(merit > best)) return false;
    best = merit;
    bestWeights = weights.slice();
    return true;
  };
  for (let member = 0; member < weights.length; member++) {
    weights.fill(0);
    weights[member] = 1;
    await improves();
  }
  weights.set(bestWeights);
  for (const step of STEPS) {
    for (let helped = true; helped; ) {
      helped = false;
      for (let member = 0; member < weights.length; member++) {
        for (const move of [step, -step]) {
          const before = weights[member];
          weights[member] = Math.max(0, before + move);
          if (weights[member] === before) continue;
          if (await improves()) {
            helped = true;
            break;
          }
          weights[member] = before;
        }
      }
    }
  }
}

function blendOf(members: readonly StandardisedScores[], weights: Float64Array): Blend {
  const [{ itemCount }] = members;
  const row = new Float32Array(itemCount);
  return {
    itemCount,
    weights,
    async scoreUsers(users, scores) {
      const active = members.filter((_, member) => weights[member] > 0);
      const batches = await Promise.all(active.map((member) => member.of(users)));
      const activeWeights = weights.filter((weight) => weight > 0);
      for (let r = 0; r < users.length; r++) {
        row.fill(0);
        batches.forEach((batch, member) => {
          addScaled(row, activeWeights[member], batch[r]);
        });
        scores.set(row, r * itemCount);
      }
    },
  };
}

function addScaled(to: Float32Array, scale: number, from: Float32Array): void {
  for (let i = 0; i < to.length; i++) to[i] += scale * from[i];
}

/** The standardised scores of a model, kept for the rows that were asked for first. */
class StandardisedScores {
  readonly itemCount: number;
  readonly #model: CandidateModel;
  readonly #matrix: InteractionMatrix;
  readonly #rowsMax: number;
  readonly #kept = new Map<number, Float32Array>();
  #keeps = true;

  constructor(model: CandidateModel, matrix: InteractionMatrix, rowsMax: number) {
    this.itemCount = model.itemCount;
    this.#model = model;
    this.#matrix = matrix;
    this.#rowsMax = rowsMax;
  }

  /** The scores of each of `users`. */
  async of(users: Uint32Array): Promise<Float32Array[]> {
    const missing = users.filter((user) => !this.#kept.has(user));
    const scores = new Float32Array(missing.length * this.itemCount);
    if (missing.length > 0) await this.#model.scoreUsers(missing, scores);
    const found = new Map<number, Float32Array>();
    missing.forEach((user, r) => {
      const row = scores.subarray(r * this.itemCount, (r + 1) * this.itemCount);
      standardise(row, this.#matrix, user);
      found.set(user, row);
      if (this.#keeps && this.#kept.size < this.#rowsMax) this.#kept.set(user, row.slice());
    });
    return Array.from(users, (user) => this.#kept.get(user) ?? found.get(user)!);
  }

  /** Ends the keeping. */
  forget(): void {
    this.#kept.clear();
    this.#keeps = false;
  }
}

/** To mean 0 and deviation 1 over the items that `row` of the matrix does not have; zeros where those are all alike. */
function standardise(scores: Float32Array, { offsets, columns }: InteractionMatrix, row: number): void {
  let count = scores.length;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < scores.length; i++) sum += scores[i];
  for (let e = offsets[row]; e < offsets[row + 1]; e++, count--) sum -= scores[columns[e]];
  const mean = count === 0 ? 0 : sum / count;
  for (let i = 0; i < scores.length; i++) squares += (scores[i] - mean) ** 2;
  for (let e = offsets[row]; e < offsets[row + 1]; e++) squares -= (scores[columns[e]] - mean) ** 2;
  const deviation = count === 0 ? 0 : Math.sqrt(Math.max(0, squares) / count);
  const scale = deviation > 1e-12 ? 1 / deviation : 0;
  for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] - mean) * scale;
}
