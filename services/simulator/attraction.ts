import { hash32, Random } from '../../common/random.ts';
import type { FilmRow } from './film-catalogue.ts';
import type { AudienceParameters } from './parameters.ts';

const DAY_MS = 86_400_000;

/** How much each film draws people whatever their taste: a base from its votes and rating, and a drift over time. */
export interface Attraction {
  /** Attraction without drift; over the films about a standard normal. */
  readonly base: Float32Array;
  /** The film's rating, standardised; 0 where it is unknown. */
  readonly quality: Float32Array;
  /** No drift is larger. */
  readonly driftMax: number;
  /** What is added to the base of a film at a time, in the same unit: a slow wave, and for a few films a burst that decays. */
  drift(film: number, timeMs: number): number;
}

export function filmAttraction(films: readonly FilmRow[], parameters: AudienceParameters): Attraction {
  const { votesWeight, ratingWeight, unknownAttraction, driftAmplitude, burstHeight } = parameters;
  const votes = standardised(films, ({ attributes }) => log10(attributes.imdb_votes));
  const ratings = standardised(films, ({ attributes }) => attributes.imdb_rating);
  const waves = new Float64Array(films.length * 2);
  const burstMs = new Float64Array(films.length).fill(Number.POSITIVE_INFINITY);
  const base = new Float32Array(films.length);
  const quality = new Float32Array(films.length);
  const [periodMin, periodMax] = parameters.driftPeriodDays;
  films.forEach(({ id }, film) => {
    const random = new Random(hash32(`attraction:${id}`, parameters.seed));
    waves[2 * film] = (2 * Math.PI) / ((periodMin + (periodMax - periodMin) * random.next()) * DAY_MS);
    waves[2 * film + 1] = 2 * Math.PI * random.next();
    const burst = random.next() < parameters.burstShare;
    const at = parameters.startMs + random.next() * parameters.spanDays * DAY_MS;
    if (burst) burstMs[film] = at;
    const unknown = unknownAttraction[0] + unknownAttraction[1] * random.normal();
    quality[film] = ratings[film] ?? 0;
    const known = votes[film];
    base[film] = known === undefined ? unknown : votesWeight * known + ratingWeight * quality[film];
  });
  const halfLifeMs = parameters.burstHalfLifeDays * DAY_MS;
  return {
    base,
    quality,
    driftMax: driftAmplitude + burstHeight,
    drift: (film, timeMs) => {
      const elapsedMs = timeMs - parameters.startMs;
      const wave = driftAmplitude * Math.sin(waves[2 * film] * elapsedMs + waves[2 * film + 1]);
      const sinceMs = timeMs - burstMs[film];
      return sinceMs < 0 ? wave : wave + burstHeight * 2 ** (-sinceMs / halfLifeMs);
    },
  };
}

function log10(value: number | string | undefined): number | undefined {
  return typeof value === 'number' ? Math.log10(value) : undefined;
}

/** Mean 0, deviation 1 over the films that have a number; `undefined` for the others. */
function standardised(
  films: readonly FilmRow[],
  read: (film: FilmRow) => number | string | undefined,
): (number | undefined)[] {
  const values = films.map((film) => {
    const value = read(film);
    return typeof value === 'number' ? value : undefined;
  });
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    if (value === undefined) continue;
    count++;
    sum += value;
    squares += value * value;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean)) || 1;
  return values.map((value) => (value === undefined ? undefined : (value - mean) / deviation));
}
