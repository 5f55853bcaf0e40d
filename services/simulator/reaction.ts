import type { Random } from '../../common/random.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import type { Audience } from './audience.ts';
import { type EventColumns, EventWriter } from './events.ts';
import type { NoveltyFatigue } from './novelty-fatigue.ts';

/** Time to look at one position of a slate, milliseconds. */
const LOOK_MS = 2000;

/** Time from the end of a film to its rating, milliseconds. */
const RATING_DELAY_MS = 5000;

const RATING_MIN = 0.5;
const RATING_MAX = 5;

/** How a reaction ended. */
export interface Reaction {
  /** Positions clicked, in order. */
  readonly clicks: readonly number[];
  /** When the person was done with all of it, milliseconds since the Unix epoch. */
  readonly endMs: number;
}

/**
 * What the user does with a slate shown at `timeMs`: an impression of every film, and clicks, watches, ratings, hides and
 * purchases, in order of time. The caller's `random` decides, so that two slates can meet the same luck. Each look adds to
 * `fatigue`, where there is any.
 */
export function react(
  audience: Audience,
  user: number,
  slate: ArrayLike<number>,
  timeMs: number,
  random: Random,
  fatigue?: NoveltyFatigue,
): EventColumns {
  const writer = new EventWriter(slate.length * 2);
  reactTo(audience, writer, user, slate, timeMs, random, slate.length, fatigue);
  return writer.inOrderOfTime();
}

/**
 * Writes what the user does with a slate shown at `timeMs`. The person goes through it from the top, opens and watches what
 * is clicked, returns, and leaves after `clicksMax` clicks.
 */
export function reactTo(
  audience: Audience,
  writer: EventWriter,
  user: number,
  slate: ArrayLike<number>,
  timeMs: number,
  random: Random,
  clicksMax: number,
  fatigue?: NoveltyFatigue,
): Reaction {
  for (let position = 0; position < slate.length; position++) {
    writer.write(user, slate[position], Action.ACTION_IMPRESSION, timeMs, position);
  }
  const { hideProbability } = audience.parameters;
  const clicks: number[] = [];
  let nowMs = timeMs;
  for (let position = 0; position < slate.length && clicks.length < clicksMax; position++) {
    const luck = random.next();
    const examined = audience.examinationProbability(position);
    if (luck >= examined) continue;
    nowMs += LOOK_MS;
    const film = slate[position];
    const probability = audience.trueClickProbability(user, film, nowMs, fatigue?.logits(user, film));
    fatigue?.look(user, film);
    if (luck < examined * probability) {
      clicks.push(position);
      writer.write(user, film, Action.ACTION_CLICK, nowMs, position);
      nowMs = watch(audience, writer, user, film, nowMs, position, random);
    } else if (random.next() < hideProbability * (1 - probability) ** 8) {
      writer.write(user, film, Action.ACTION_HIDE, nowMs, position);
    }
  }
  return { clicks, endMs: nowMs };
}

/**
 * Writes what follows when the user has opened the film at `timeMs`: it is watched, perhaps rated, perhaps bought.
 * Returns when that is over, milliseconds since the Unix epoch.
 */
export function watch(
  audience: Audience,
  writer: EventWriter,
  user: number,
  film: number,
  timeMs: number,
  position: number,
  random: Random,
): number {
  const { parameters } = audience;
  const match = audience.tasteMatch(user, film, timeMs);
  const minutes = audience.films[film].attributes.running_time_min;
  const seconds = 60 * (typeof minutes === 'number' ? minutes : parameters.defaultRunningTimeMin);
  const logit =
    parameters.watchBias + parameters.watchTasteScale * match + parameters.watchNoise * random.normal();
  const fraction = 1 / (1 + Math.exp(-logit));
  const watched = Math.max(1, Math.round(fraction * seconds));
  let endMs = timeMs + watched * 1000;
  writer.write(user, film, Action.ACTION_WATCH, endMs, position, watched);
  if (random.next() < parameters.ratingProbability) {
    endMs += RATING_DELAY_MS;
    writer.write(
      user,
      film,
      Action.ACTION_RATING,
      endMs,
      position,
      drawRating(audience, film, match, random),
    );
  }
  if (fraction >= parameters.purchaseWatchFraction && random.next() < parameters.purchaseProbability) {
    writer.write(user, film, Action.ACTION_PURCHASE, endMs, position, parameters.purchasePrice);
  }
  return endMs;
}

function drawRating(audience: Audience, film: number, match: number, random: Random): number {
  const { ratingMean, ratingTasteScale, ratingQualityScale, ratingNoise } = audience.parameters;
  const stars =
    ratingMean +
    ratingTasteScale * match +
    ratingQualityScale * audience.attraction.quality[film] +
    ratingNoise * random.normal();
  return Math.min(RATING_MAX, Math.max(RATING_MIN, Math.round(stars * 2) / 2));
}
