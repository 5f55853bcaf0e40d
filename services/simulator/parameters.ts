import { createHash } from 'node:crypto';

/**
 * Every number of the simulated audience. Shares and probabilities are in [0, 1]. "Logit" means the unit of the argument
 * of a logistic function; scales turn a taste match (a cosine) or an attraction (about a standard normal) into logits.
 */
export interface AudienceParameters {
  /** The low 32 bits count. All randomness of an audience and of its log comes from it. */
  readonly seed: number;
  readonly userCount: number;
  /** Start of the simulated span, milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly spanDays: number;

  /** Shares of users by kind; the rest are regular users. */
  readonly newcomerShare: number;
  readonly lightShare: number;
  readonly heavyShare: number;
  /** Distinct films that a user opens over the span, by kind: inclusive bounds; regular and heavy are log-normal within them. */
  readonly lightFilms: readonly [min: number, max: number];
  readonly regularFilms: readonly [min: number, max: number];
  readonly heavyFilms: readonly [min: number, max: number];
  /** Share of users who are there from the start; the others join at a uniform time in the first half of the span. */
  readonly presentAtStartShare: number;
  /** Mean number of films opened in a session. */
  readonly filmsPerSession: number;

  /** Length of taste and film vectors. */
  readonly dimensions: number;
  /** Groups of people with a taste in common. A user mixes one to three of them. */
  readonly communityCount: number;
  /** Films whose mean is a community's taste. */
  readonly filmsPerCommunity: number;
  /** Weights of what a film vector is made of, before normalisation. `own` is what no attribute tells. */
  readonly filmWeights: Readonly<
    Record<'genre' | 'creative_type' | 'era' | 'director' | 'source' | 'own', number>
  >;
  /** Weights of what a user's taste is made of, before normalisation. `age` is the era of one's youth; `group` gender and region. */
  readonly tasteWeights: Readonly<Record<'communities' | 'age' | 'group' | 'own', number>>;

  /** Weights of the standardised log₁₀ votes and of the standardised rating in a film's attraction. */
  readonly votesWeight: number;
  readonly ratingWeight: number;
  /** Attraction of a film whose votes are unknown: mean and standard deviation. */
  readonly unknownAttraction: readonly [mean: number, deviation: number];
  /** Slow drift of a film's attraction: a sine of this amplitude with a period drawn between the bounds, days. */
  readonly driftAmplitude: number;
  readonly driftPeriodDays: readonly [min: number, max: number];
  /** Share of films that suddenly become the talk of the town once in the span, by how much, and the half-life, days. */
  readonly burstShare: number;
  readonly burstHeight: number;
  readonly burstHalfLifeDays: number;

  /** Search and browsing: a film is opened with probability ∝ exp(tasteScale · match + attractionScale · attraction). */
  readonly organicTasteScale: number;
  readonly organicAttractionScale: number;
  /** Slates: P(click | examined) = logistic(clickBias + user's bias + tasteScale · match + attractionScale · attraction). */
  readonly clickBias: number;
  readonly clickTasteScale: number;
  readonly clickAttractionScale: number;
  /** Standard deviation of the user's own readiness to click, logits. */
  readonly clickUserDeviation: number;
  /** P(examined at position p, from 0) = (1 + p)^-examinationDecay. */
  readonly examinationDecay: number;

  /** Share of sessions that open with a home slate in the bootstrap log, its length, and how far attraction decides what is on it. */
  readonly homeSlateShare: number;
  readonly homeSlateLength: number;
  readonly homeSlateAttractionScale: number;

  /** Watch fraction = logistic(bias + taste scale · match + noise); a film is as long as its running time, else the default, minutes. */
  readonly watchBias: number;
  readonly watchTasteScale: number;
  readonly watchNoise: number;
  readonly defaultRunningTimeMin: number;
  /** P(rating | watched), and the rating in stars: mean + taste scale · match + quality scale · standardised rating + noise, in halves from 0.5 to 5. */
  readonly ratingProbability: number;
  readonly ratingMean: number;
  readonly ratingTasteScale: number;
  readonly ratingQualityScale: number;
  readonly ratingNoise: number;
  /** P(hide | examined, not clicked) = hideProbability · (1 − P(click | examined))⁸. */
  readonly hideProbability: number;
  /** P(purchase | watched to at least the fraction), and the price, US dollars. */
  readonly purchaseProbability: number;
  readonly purchaseWatchFraction: number;
  readonly purchasePrice: number;

  /** Films that come later: so many on each of `arrivalDays` days from day `arrivalsFromDay` of the span on; the others are there. */
  readonly arrivalsPerDay: number;
  readonly arrivalsFromDay: number;
  readonly arrivalDays: number;
  /** Providers of films; the n-th has a share ∝ 1 / n of them. */
  readonly providerCount: number;
  /** Share of films, those of the highest base attraction, that are not the long tail. */
  readonly headShare: number;
  /** Share of users whose taste is another one from day `flipDay` of the span on. */
  readonly flipShare: number;
  readonly flipDay: number;
  /**
   * Novelty fatigue: logits lost are filmFatigue · ln(1 + looks at the film) + genreFatigue · ln(1 + looks at its genre), looks
   * fading with the half-life, days.
   */
  readonly filmFatigue: number;
  readonly genreFatigue: number;
  readonly fatigueHalfLifeDays: number;
}

/** The demo's audience: 2,000 users, about 120,000 films opened in 90 days. */
export const demoAudience: AudienceParameters = {
  seed: 20260101,
  userCount: 2000,
  startMs: Date.UTC(2026, 0, 1),
  spanDays: 90,

  newcomerShare: 0.05,
  lightShare: 0.2,
  heavyShare: 0.2,
  lightFilms: [3, 5],
  regularFilms: [6, 99],
  heavyFilms: [100, 400],
  presentAtStartShare: 0.6,
  filmsPerSession: 3,

  dimensions: 16,
  communityCount: 14,
  filmsPerCommunity: 3,
  filmWeights: { genre: 1, creative_type: 0.6, era: 0.6, director: 0.7, source: 0.3, own: 0.5 },
  tasteWeights: { communities: 1, age: 0.3, group: 0.15, own: 0.35 },

  votesWeight: 0.9,
  ratingWeight: 0.35,
  unknownAttraction: [-1.2, 0.4],
  driftAmplitude: 0.3,
  driftPeriodDays: [30, 120],
  burstShare: 0.03,
  burstHeight: 1.2,
  burstHalfLifeDays: 4,

  organicTasteScale: 8,
  organicAttractionScale: 1,
  clickBias: -4,
  clickTasteScale: 5,
  clickAttractionScale: 0.5,
  clickUserDeviation: 0.4,
  examinationDecay: 0.65,

  homeSlateShare: 0.25,
  homeSlateLength: 10,
  homeSlateAttractionScale: 1.2,

  watchBias: 0.3,
  watchTasteScale: 1.5,
  watchNoise: 1,
  defaultRunningTimeMin: 105,
  ratingProbability: 0.3,
  ratingMean: 3,
  ratingTasteScale: 1.2,
  ratingQualityScale: 0.4,
  ratingNoise: 0.6,
  hideProbability: 0.05,
  purchaseProbability: 0.06,
  purchaseWatchFraction: 0.8,
  purchasePrice: 3.99,

  arrivalsPerDay: 0,
  arrivalsFromDay: 0,
  arrivalDays: 0,
  providerCount: 30,
  headShare: 0.2,
  flipShare: 0,
  flipDay: 0,
  filmFatigue: 0,
  genreFatigue: 0,
  fatigueHalfLifeDays: 5,
};

/** The month in which policies are compared (`npm run verify -- month`): a span of history, then days in which slates are shown. */
export const monthProtocol = {
  /** Films of the catalogue, the arrivals included. */
  filmCount: 1600,
  days: 30,
  /** Policies are compared from this day on, from 1. */
  comparedFromDay: 10,
  slatesPerDay: 1,
  slateLength: 20,
  /** Share of the slots that the long tail is to have at least. */
  longTailFloor: 0.3,
};

/** Its people: tired of what they have looked at, some of them of another taste from the middle of the month on. */
export const monthAudience: AudienceParameters = {
  ...demoAudience,
  userCount: 250,
  spanDays: 30,
  newcomerShare: 0,
  regularFilms: [6, 40],
  heavyFilms: [40, 120],
  arrivalsPerDay: 12,
  arrivalsFromDay: 30,
  arrivalDays: 30,
  flipShare: 0.3,
  flipDay: 45,
  filmFatigue: 0.6,
  genreFatigue: 0.15,
};

/** The setting in which looking for news pays least: nobody tires of anything and no taste changes. */
export const hostileMonthAudience: AudienceParameters = {
  ...monthAudience,
  flipShare: 0,
  filmFatigue: 0,
  genreFatigue: 0,
};

/** Identifies every number of the month, for proofs to print: policies are compared by parameters frozen before. */
export function monthParametersHash(): string {
  const text = JSON.stringify([monthProtocol, monthAudience, hostileMonthAudience]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
