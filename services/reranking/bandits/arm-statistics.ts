import { z } from 'zod';
import type { BanditSource, SavedBandit } from './bandit.ts';

/** What an arm has given so far; old outcomes count less. */
export interface ArmStatistic {
  /** Number of outcomes. */
  weight: number;
  sum: number;
  squares: number;
  /** The number of outcomes of all arms when the three above were right. */
  at: number;
}

/** Arms beyond this many: those that count least are forgotten. */
const ARMS_MAX = 100_000;
const FORGOTTEN_SHARE = 0.1;

const metaSchema = z.object({
  arms: z.array(z.string()),
  outcomes: z.number().min(0),
  total: z.number().min(0),
});

/** Sums of rewards by arm, of which each counts half after `halfLife` outcomes of any arm. */
export class ArmStatistics {
  readonly #halfLife: number;
  readonly #arms = new Map<string, ArmStatistic>();
  #outcomes = 0;
  #total = 0;

  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  /** What `save` answered. */
  static read(halfLife: number, saved: BanditSource): ArmStatistics {
    const statistics = new ArmStatistics(halfLife);
    const { arms, outcomes, total } = saved.meta(metaSchema);
    const [weights, sums, squares, at] = ['weights', 'sums', 'squares', 'at'].map((name) =>
      saved.array(name, arms.length),
    );
    for (const [i, arm] of arms.entries())
      statistics.#arms.set(arm, { weight: weights[i], sum: sums[i], squares: squares[i], at: at[i] });
    statistics.#outcomes = outcomes;
    statistics.#total = total;
    return statistics;
  }

  /** The weight of all outcomes. */
  get total(): number {
    return this.#total;
  }

  /** Writes what is known of the arm into `out`, all 0 for one that nothing is known of. */
  read(arm: string, out: ArmStatistic): void {
    const known = this.#arms.get(arm);
    const fade = known === undefined ? 0 : this.#fade(known.at);
    out.weight = known === undefined ? 0 : known.weight * fade;
    out.sum = known === undefined ? 0 : known.sum * fade;
    out.squares = known === undefined ? 0 : known.squares * fade;
    out.at = this.#outcomes;
  }

  add(arm: string, reward: number): void {
    this.#total = this.#total * this.#fade(this.#outcomes - 1) + 1;
    this.#outcomes++;
    let known = this.#arms.get(arm);
    if (known === undefined) {
      if (this.#arms.size >= ARMS_MAX) this.#forget();
      known = { weight: 0, sum: 0, squares: 0, at: this.#outcomes };
      this.#arms.set(arm, known);
    }
    this.read(arm, known);
    known.weight += 1;
    known.sum += reward;
    known.squares += reward * reward;
  }

  save(): SavedBandit {
    const arms = [...this.#arms];
    return {
      meta: { arms: arms.map(([arm]) => arm), outcomes: this.#outcomes, total: this.#total },
      arrays: {
        weights: Float64Array.from(arms, ([, { weight }]) => weight),
        sums: Float64Array.from(arms, ([, { sum }]) => sum),
        squares: Float64Array.from(arms, ([, { squares }]) => squares),
        at: Float64Array.from(arms, ([, { at }]) => at),
      },
    };
  }

  #fade(at: number): number {
    return 2 ** ((at - this.#outcomes) / this.#halfLife);
  }

  #forget(): void {
    const weightOf = ({ weight, at }: ArmStatistic): number => weight * this.#fade(at);
    const byWeight = [...this.#arms].sort(([, a], [, b]) => weightOf(a) - weightOf(b));
    for (const [arm] of byWeight.slice(0, ARMS_MAX * FORGOTTEN_SHARE)) this.#arms.delete(arm);
  }
}
