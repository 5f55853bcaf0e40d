import { hash32, Random } from '../../common/random.ts';
import { addEra, addScaled, cachedDirections, direction, normalise } from './latent-space.ts';
import type { AudienceParameters } from './parameters.ts';

/** How much a user does: `newcomer` nothing yet, `light` a few films, `heavy` a hundred and more, `regular` between. */
export type UserKind = 'newcomer' | 'light' | 'regular' | 'heavy';

export interface SimulatedUser {
  /** `user-0001` and so on; a user's number is its index in the audience plus one. */
  readonly id: string;
  readonly kind: UserKind;
  /** Distinct films that the user opens over the span. */
  readonly filmCount: number;
  /** `age` (years, adults only), `gender`, `region` (ISO 3166), `device`. What the user does not tell is absent. */
  readonly profile: Readonly<Record<string, number | string>>;
  /** When the user is first there, milliseconds since the Unix epoch. */
  readonly joinedMs: number;
  /** Readiness to click, logits. */
  readonly clickBias: number;
}

export interface People {
  readonly users: readonly SimulatedUser[];
  /** One row of `dimensions` per user, of length 1. */
  readonly tastes: Float32Array;
  /** The same from the flip on: other rows for the users whose taste flips. */
  readonly laterTastes: Float32Array;
}

const DAY_MS = 86_400_000;

/** Age at which the films of one's youth were made. */
const YOUTH_AGE = 18;

const REGIONS = [
  ['US', 0.3],
  ['GB', 0.14],
  ['DE', 0.12],
  ['FR', 0.1],
  ['IN', 0.1],
  ['BR', 0.08],
  ['JP', 0.08],
  ['UA', 0.08],
] as const;

const GENDERS = [
  ['female', 0.48],
  ['male', 0.48],
  ['other', 0.04],
] as const;

/** Share of users who do not tell their gender, and of those who do not tell their age. */
const UNTOLD_SHARE = 0.08;

interface Traits {
  readonly age: number;
  readonly gender: string;
  readonly region: string;
  readonly device: string;
}

/** Each user is drawn from the seed and the user's index alone, so that a larger audience begins with the smaller one. */
export function drawPeople(vectors: Float32Array, parameters: AudienceParameters): People {
  const { dimensions, seed, userCount } = parameters;
  const communities = drawCommunities(vectors, parameters);
  const facet = cachedDirections(seed, dimensions);
  const digits = Math.max(4, String(userCount).length);
  const tastes = new Float32Array(userCount * dimensions);
  const laterTastes = new Float32Array(userCount * dimensions);
  const users: SimulatedUser[] = [];
  for (let index = 0; index < userCount; index++) {
    const random = new Random(hash32(`user:${index}`, seed));
    const traits = drawTraits(random);
    const taste = tastes.subarray(index * dimensions, (index + 1) * dimensions);
    mixTaste(taste, traits, communities, parameters, facet, random);
    const flip = new Random(hash32(`flip:${index}`, seed));
    const later = laterTastes.subarray(index * dimensions, (index + 1) * dimensions);
    if (flip.next() < parameters.flipShare) mixTaste(later, traits, communities, parameters, facet, flip);
    else later.set(taste);
    users.push(drawUser(`user-${String(index + 1).padStart(digits, '0')}`, traits, parameters, random));
  }
  return { users, tastes, laterTastes };
}

/** A community's taste is the mean of a few films, so that it is a taste that the catalogue can serve. */
function drawCommunities(vectors: Float32Array, parameters: AudienceParameters): Float32Array[] {
  const { communityCount, dimensions, filmsPerCommunity, seed } = parameters;
  const random = new Random(hash32('communities', seed));
  const filmCount = vectors.length / dimensions;
  return Array.from({ length: communityCount }, () => {
    const taste = new Float32Array(dimensions);
    for (let i = 0; i < filmsPerCommunity; i++) {
      const film = random.int(filmCount);
      addScaled(taste, vectors.subarray(film * dimensions, (film + 1) * dimensions), 1);
    }
    normalise(taste);
    return taste;
  });
}

function drawTraits(random: Random): Traits {
  const age = Math.round(Math.min(85, Math.max(18, 38 + 14 * random.normal())));
  const gender = pick(GENDERS, random);
  const region = pick(REGIONS, random);
  const mobileShare = age < 35 ? 0.5 : 0.25;
  const devices = [
    ['mobile', mobileShare],
    ['tv', 0.3],
    ['desktop', 0.6 - mobileShare],
    ['tablet', 0.1],
  ] as const;
  return { age, gender, region, device: pick(devices, random) };
}

function mixTaste(
  taste: Float32Array,
  traits: Traits,
  communities: readonly Float32Array[],
  parameters: AudienceParameters,
  facet: (name: string) => Float32Array,
  random: Random,
): void {
  const { dimensions, seed, startMs, tasteWeights } = parameters;
  const memberships = 1 + random.int(3);
  for (let i = 0, share = 1; i < memberships; i++, share /= 2) {
    addScaled(taste, communities[random.int(communities.length)], share);
  }
  normalise(taste);
  for (let d = 0; d < dimensions; d++) taste[d] *= tasteWeights.communities;
  const youth = new Date(startMs).getUTCFullYear() - traits.age + YOUTH_AGE;
  addEra(taste, youth, tasteWeights.age, facet);
  addScaled(taste, facet(`gender:${traits.gender}`), tasteWeights.group);
  addScaled(taste, facet(`region:${traits.region}`), tasteWeights.group);
  addScaled(taste, direction(`taste:${random.uint32()}`, seed, dimensions), tasteWeights.own);
  normalise(taste);
}

function drawUser(id: string, traits: Traits, parameters: AudienceParameters, random: Random): SimulatedUser {
  const profile: Record<string, number | string> = { region: traits.region, device: traits.device };
  if (random.next() >= UNTOLD_SHARE) profile.age = traits.age;
  if (random.next() >= UNTOLD_SHARE) profile.gender = traits.gender;
  const { newcomerShare, lightShare, heavyShare, presentAtStartShare, startMs, spanDays } = parameters;
  const kind = pick(
    [
      ['newcomer', newcomerShare],
      ['light', lightShare],
      ['heavy', heavyShare],
      ['regular', 1 - newcomerShare - lightShare - heavyShare],
    ] as const,
    random,
  );
  const filmCount = drawFilmCount(kind, parameters, random);
  const lateMs = random.next() < presentAtStartShare ? 0 : random.next() * (spanDays / 2) * DAY_MS;
  const joinedMs = startMs + Math.floor(kind === 'newcomer' ? spanDays * DAY_MS : lateMs);
  return {
    id,
    kind,
    filmCount,
    profile,
    joinedMs,
    clickBias: parameters.clickUserDeviation * random.normal(),
  };
}

function drawFilmCount(kind: UserKind, parameters: AudienceParameters, random: Random): number {
  if (kind === 'newcomer') return 0;
  if (kind === 'light') {
    const [min, max] = parameters.lightFilms;
    return min + random.int(max - min + 1);
  }
  // Log-normal: the bounds lie two deviations from the median, their geometric mean.
  const [min, max] = kind === 'heavy' ? parameters.heavyFilms : parameters.regularFilms;
  const middle = Math.log(min * max) / 2;
  const deviation = Math.log(max / min) / 4;
  return Math.round(Math.min(max, Math.max(min, Math.exp(middle + deviation * random.normal()))));
}

/** Draws a name with its share as probability; the last takes what the shares leave. */
function pick<T extends string>(shares: readonly (readonly [T, number])[], random: Random): T {
  let left = random.next();
  for (const [name, share] of shares) {
    left -= share;
    if (left < 0) return name;
  }
  return shares[shares.length - 1][0];
}
