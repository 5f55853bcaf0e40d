import { type Attraction, filmAttraction } from './attraction.ts';
import type { FilmRow } from './film-catalogue.ts';
import { type FilmSupply, filmSupply } from './film-supply.ts';
import { filmVectors } from './latent-space.ts';
import { type AudienceParameters, demoAudience } from './parameters.ts';
import { drawPeople, type SimulatedUser } from './people.ts';

const DAY_MS = 86_400_000;

/**
 * People with known tastes, for demonstrations, experiments and tests. Users and films go by index: a user's in `users`, a
 * film's in `films`. All that is true of them follows from the parameters and the films; nothing they do changes it.
 */
export class Audience {
  readonly parameters: AudienceParameters;
  readonly films: readonly FilmRow[];
  readonly users: readonly SimulatedUser[];
  readonly attraction: Attraction;
  readonly supply: FilmSupply;
  readonly #tastes: Float32Array;
  readonly #laterTastes: Float32Array;
  readonly #flipMs: number;
  readonly #vectors: Float32Array;

  /** `changes` replace the demo's parameters. Throws `RangeError` if there is no film. */
  constructor(films: readonly FilmRow[], changes: Partial<AudienceParameters> = {}) {
    if (films.length === 0) throw new RangeError('an audience needs at least one film');
    this.parameters = { ...demoAudience, ...changes };
    this.films = films;
    this.#vectors = filmVectors(films, this.parameters);
    this.attraction = filmAttraction(films, this.parameters);
    this.supply = filmSupply(films, this.attraction.base, this.parameters);
    const people = drawPeople(this.#vectors, this.parameters);
    this.users = people.users;
    this.#tastes = people.tastes;
    this.#laterTastes = people.laterTastes;
    this.#flipMs = this.parameters.startMs + this.parameters.flipDay * DAY_MS;
  }

  /** How well the film meets the user's taste at a time: the cosine of their vectors, in [-1, 1]. */
  tasteMatch(user: number, film: number, timeMs = this.parameters.startMs): number {
    const { dimensions } = this.parameters;
    const tastes = timeMs < this.#flipMs ? this.#tastes : this.#laterTastes;
    const taste = user * dimensions;
    const vector = film * dimensions;
    let sum = 0;
    for (let d = 0; d < dimensions; d++) sum += tastes[taste + d] * this.#vectors[vector + d];
    return sum;
  }

  /** Sets `logits[f]` for every film f: how readily the user searches for it, without drift and before tastes flip. */
  organicLogits(user: number, logits: Float32Array): void {
    const { dimensions, organicAttractionScale, organicTasteScale } = this.parameters;
    const { base } = this.attraction;
    const taste = this.#tastes.subarray(user * dimensions, (user + 1) * dimensions);
    const vectors = this.#vectors;
    for (let film = 0, at = 0; film < logits.length; film++) {
      let match = 0;
      for (let d = 0; d < dimensions; d++, at++) match += taste[d] * vectors[at];
      logits[film] = organicTasteScale * match + organicAttractionScale * base[film];
    }
  }

  /** The probability that a person looks at position `position`, from 0, of a slate. */
  examinationProbability(position: number): number {
    return (1 + position) ** -this.parameters.examinationDecay;
  }

  /**
   * The probability that the user, looking at the film in a slate, clicks it. With `examinationProbability` it is the
   * position-based click model: P(click at position) = P(examined) · P(click | examined) (Craswell et al., WSDM 2008).
   * `fatigue`: logits lost to earlier looks.
   */
  trueClickProbability(user: number, film: number, timeMs: number, fatigue = 0): number {
    const { clickBias, clickTasteScale, clickAttractionScale } = this.parameters;
    const attraction = this.attraction.base[film] + this.attraction.drift(film, timeMs);
    const logit =
      clickBias +
      this.users[user].clickBias +
      clickTasteScale * this.tasteMatch(user, film, timeMs) +
      clickAttractionScale * attraction -
      fatigue;
    return 1 / (1 + Math.exp(-logit));
  }
}
