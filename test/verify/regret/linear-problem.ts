import { Random } from '../../../common/random.ts';
import type { Arms, Bandit } from '../../../services/reranking/bandits/bandit.ts';
import { armAt } from '../../../services/reranking/bandits/distributions.ts';

/** Arms whose probability of giving 1 is linear in their context, by a taste that changes from phase to phase. */
export interface LinearProblem {
  readonly name: string;
  /** Values of a context, of which the first is 1. */
  readonly dimensions: number;
  readonly arms: number;
  /** The probability of an arm of no taste, and how far taste moves it. */
  readonly base: number;
  readonly scale: number;
  /** What a taste turns into: its opposite, or another one. */
  readonly flip: 'opposite' | 'another';
  /** Each arm is itself in every round; else its context is drawn anew. */
  readonly fixedArms: boolean;
}

/** The regret in each phase of so many rounds, and that of the arm position that was best in hindsight. */
export interface LinearRegret {
  readonly phases: readonly number[];
  readonly bestFixedArm: number;
}

export function linearRegret(
  problem: LinearProblem,
  bandit: Bandit,
  { phases, rounds, seed }: { phases: number; rounds: number; seed: number },
): LinearRegret {
  const { arms: count, base, scale } = problem;
  const world = new Random(seed);
  const random = new Random(seed + 7_777);
  const values = new Float64Array(count);
  const policy = new Float64Array(count);
  const ids = Array.from(values, (_, arm) => `arm-${arm}`);
  const ofArms = new Float64Array(count);
  const regrets: number[] = [];
  let bestSum = 0;
  let taste = drawTaste(problem, world);
  for (let phase = 0; phase < phases; phase++) {
    if (phase > 0) taste = problem.flip === 'opposite' ? taste.map((x) => -x) : drawTaste(problem, world);
    let regret = 0;
    for (let round = 0; round < rounds; round++) {
      const arms: Arms = { count, ids, contexts: drawContexts(problem, world) };
      for (let arm = 0; arm < count; arm++) {
        let value = 0;
        for (let i = 1; i < problem.dimensions; i++)
          value += arms.contexts[arm * problem.dimensions + i] * taste[i];
        values[arm] = Math.min(1, Math.max(0, base + scale * value));
        ofArms[arm] += values[arm];
      }
      bandit.policy(arms, random, policy);
      const chosen = armAt(policy, random.next());
      const reward = world.next() < values[chosen] ? 1 : 0;
      const best = Math.max(...values);
      regret += best - values[chosen];
      bestSum += best;
      bandit.learn({ arms, chosen, probability: policy[chosen], reward }, random);
    }
    regrets.push(regret);
  }
  return { phases: regrets, bestFixedArm: bestSum - Math.max(...ofArms) };
}

/** A direction; the constant has none. */
function drawTaste({ dimensions }: LinearProblem, world: Random): Float64Array {
  const taste = Float64Array.from({ length: dimensions }, (_, i) => (i === 0 ? 0 : world.normal()));
  const length = Math.hypot(...taste);
  return taste.map((x) => x / length);
}

function drawContexts({ dimensions, arms, fixedArms }: LinearProblem, world: Random): Float32Array {
  const contexts = new Float32Array(arms * dimensions);
  for (let arm = 0; arm < arms; arm++) {
    contexts[arm * dimensions] = 1;
    for (let i = 1; i < dimensions; i++) {
      const value = fixedArms ? Number(arm === i) : (1.5 * world.normal()) / Math.sqrt(dimensions);
      contexts[arm * dimensions + i] = value;
    }
  }
  return contexts;
}
