import type { Audience } from './audience.ts';
import type { NoveltyFatigue } from './novelty-fatigue.ts';

/** A user's moment. */
export interface Moment {
  readonly audience: Audience;
  readonly user: number;
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly fatigue?: NoveltyFatigue;
}

/** The clicks that the slate is expected to bring: examination times click probability, summed over its positions. */
export function expectedClicks(moment: Moment, slate: ArrayLike<number>): number {
  let sum = 0;
  for (let position = 0; position < slate.length; position++)
    sum += moment.audience.examinationProbability(position) * clickProbability(moment, slate[position]);
  return sum;
}

/** The most that any slate of `length` of these films is expected to bring: regret is what a slate lacks of it. */
export function bestExpectedClicks(moment: Moment, films: ArrayLike<number>, length: number): number {
  const probabilities = Float64Array.from(films, (film) => clickProbability(moment, film))
    .sort()
    .reverse();
  let sum = 0;
  for (let position = 0; position < Math.min(length, probabilities.length); position++)
    sum += moment.audience.examinationProbability(position) * probabilities[position];
  return sum;
}

function clickProbability({ audience, user, timeMs, fatigue }: Moment, film: number): number {
  return audience.trueClickProbability(user, film, timeMs, fatigue?.logits(user, film));
}
