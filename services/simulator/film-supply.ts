import { hash32, Random } from '../../common/random.ts';
import type { FilmRow } from './film-catalogue.ts';
import type { AudienceParameters } from './parameters.ts';

const DAY_MS = 86_400_000;

/** Who brings which film and when. */
export interface FilmSupply {
  /** When each film is first there, milliseconds since the Unix epoch; -Infinity: from the start. */
  readonly arrivalMs: Float64Array;
  /** The provider of each film, in [0, providerCount). */
  readonly provider: Uint16Array;
  /** 1 for the films of the long tail: all but the share with the highest base attraction. */
  readonly longTail: Uint8Array;
}

export function filmSupply(
  films: readonly FilmRow[],
  base: Float32Array,
  parameters: AudienceParameters,
): FilmSupply {
  const { seed, arrivalsPerDay, arrivalsFromDay, arrivalDays, startMs, headShare } = parameters;
  const arrivalMs = new Float64Array(films.length).fill(Number.NEGATIVE_INFINITY);
  const order = new Random(hash32('arrivals', seed)).shuffle(Uint32Array.from(films.keys()));
  const arrivals = Math.min(films.length, arrivalsPerDay * arrivalDays);
  for (let i = 0; i < arrivals; i++)
    arrivalMs[order[i]] = startMs + (arrivalsFromDay + Math.floor(i / arrivalsPerDay)) * DAY_MS;
  const longTail = new Uint8Array(films.length).fill(1);
  const byAttraction = Uint32Array.from(films.keys()).sort((a, b) => base[b] - base[a]);
  for (const film of byAttraction.subarray(0, Math.round(headShare * films.length))) longTail[film] = 0;
  return { arrivalMs, provider: providersOf(films, parameters), longTail };
}

function providersOf(films: readonly FilmRow[], { seed, providerCount }: AudienceParameters): Uint16Array {
  let sum = 0;
  const cumulative = Float64Array.from({ length: providerCount }, (_, provider) => {
    sum += 1 / (provider + 1);
    return sum;
  });
  return Uint16Array.from(films, ({ id }) => {
    const target = new Random(hash32(`provider:${id}`, seed)).next() * sum;
    return cumulative.findIndex((value) => target < value);
  });
}
