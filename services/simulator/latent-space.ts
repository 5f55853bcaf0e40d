import { hash32, Random } from '../../common/random.ts';
import type { FilmRow } from './film-catalogue.ts';
import type { AudienceParameters } from './parameters.ts';

/**
 * Film vectors, one row of `dimensions` each, of length 1. A film is the weighted sum of the directions of its genre,
 * creative type, director and source, of its era, and of a direction of its own that no attribute tells: content models
 * can learn the first part, only collaborative ones the rest. A facet that is unknown adds nothing.
 */
export function filmVectors(films: readonly FilmRow[], parameters: AudienceParameters): Float32Array {
  const { dimensions, filmWeights, seed } = parameters;
  const facet = cachedDirections(seed, dimensions);
  const vectors = new Float32Array(films.length * dimensions);
  films.forEach(({ id, attributes }, film) => {
    const vector = vectors.subarray(film * dimensions, (film + 1) * dimensions);
    for (const name of ['genre', 'creative_type', 'director', 'source'] as const) {
      if (name in attributes) addScaled(vector, facet(`${name}:${attributes[name]}`), filmWeights[name]);
    }
    if (typeof attributes.year === 'number') addEra(vector, attributes.year, filmWeights.era, facet);
    addScaled(vector, direction(`own:${id}`, seed, dimensions), filmWeights.own);
    normalise(vector);
  });
  return vectors;
}

/** The unit direction that stands for `name`: the same for a name and seed, whatever else there is. */
export function direction(name: string, seed: number, dimensions: number): Float32Array {
  const random = new Random(hash32(name, seed));
  const vector = Float32Array.from({ length: dimensions }, () => random.normal());
  normalise(vector);
  return vector;
}

/** `direction` of each name computed once. */
export function cachedDirections(seed: number, dimensions: number): (name: string) => Float32Array {
  const cache = new Map<string, Float32Array>();
  return (name) => {
    let vector = cache.get(name);
    if (vector === undefined) {
      vector = direction(name, seed, dimensions);
      cache.set(name, vector);
    }
    return vector;
  };
}

/** Adds the direction of a year's era: between those of the two nearest decades, so that near years are alike. */
export function addEra(
  target: Float32Array,
  year: number,
  weight: number,
  facet: (name: string) => Float32Array,
): void {
  const decade = Math.floor(year / 10);
  const fraction = year / 10 - decade;
  addScaled(target, facet(`decade:${decade}`), weight * (1 - fraction));
  addScaled(target, facet(`decade:${decade + 1}`), weight * fraction);
}

export function addScaled(target: Float32Array, vector: Float32Array, scale: number): void {
  for (let d = 0; d < target.length; d++) target[d] += scale * vector[d];
}

/** Scales to length 1; a zero vector stays as it is. */
export function normalise(vector: Float32Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return;
  const scale = 1 / Math.sqrt(squares);
  for (let d = 0; d < vector.length; d++) vector[d] *= scale;
}
