import { describe, expect, test } from 'vitest';
import { Random } from '../../common/random.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Audience } from './audience.ts';
import { readFilms } from './film-catalogue.ts';
import { personas } from './personas.ts';
import { react } from './reaction.ts';

const films = readFilms();
const audience = new Audience(films, { userCount: 400 });
const { startMs, spanDays } = audience.parameters;
const DAY_MS = 86_400_000;

function truths(of: Audience, timeMs: number): Float64Array {
  return Float64Array.from({ length: 2000 }, (_, i) =>
    of.trueClickProbability(i % 100, (i * 7) % 3201, timeMs),
  );
}

test('the same seed gives the same people and truths, another seed others', () => {
  const again = new Audience(films, { userCount: 400 });
  const other = new Audience(films, { userCount: 400, seed: 7 });
  expect(again.users).toEqual(audience.users);
  expect(truths(again, startMs)).toEqual(truths(audience, startMs));
  expect(other.users).not.toEqual(audience.users);
  expect(truths(other, startMs)).not.toEqual(truths(audience, startMs));
});

test('a larger audience begins with the smaller one', () => {
  const small = new Audience(films, { userCount: 50 });
  expect(small.users).toEqual(audience.users.slice(0, 50));
  expect(small.tasteMatch(49, 100)).toBe(audience.tasteMatch(49, 100));
});

test('people are plausible, and what they do not tell is absent', () => {
  const ages = audience.users.flatMap(({ profile }) => profile.age ?? []).map(Number);
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(18);
  expect(Math.max(...ages)).toBeLessThanOrEqual(85);
  expect(ages.length).toBeGreaterThan(300);
  expect(ages.length).toBeLessThan(400);
  expect(new Set(audience.users.map(({ profile }) => profile.region)).size).toBe(8);
  expect(new Set(audience.users.map(({ id }) => id)).size).toBe(400);
});

test('the personas are of their kinds', () => {
  const { newcomer, light, heavy } = personas(audience);
  const filmCount = (id: string) => audience.users.find((user) => user.id === id)?.filmCount;
  expect(filmCount(newcomer)).toBe(0);
  expect([3, 4, 5]).toContain(filmCount(light));
  expect(filmCount(heavy)).toBeGreaterThanOrEqual(100);
  expect(() => personas(new Audience(films, { userCount: 10, newcomerShare: 0 }))).toThrow(
    'no newcomer user',
  );
});

test('an audience without films is refused', () => {
  expect(() => new Audience([])).toThrow(RangeError);
});

test('films of one genre and director are nearer to one another in taste than others', () => {
  const ofDirector = (name: string) =>
    films.flatMap((film, i) => (film.attributes.director === name ? i : []));
  const hitchcock = ofDirector('Alfred Hitchcock');
  const spread = (items: readonly number[]) => {
    let sum = 0;
    for (let user = 0; user < 400; user++) {
      const matches = items.map((film) => audience.tasteMatch(user, film));
      sum += Math.max(...matches) - Math.min(...matches);
    }
    return sum / 400;
  };
  const random = new Random(1);
  const anyFilms = hitchcock.map(() => random.int(films.length));
  expect(hitchcock.length).toBeGreaterThan(3);
  expect(spread(hitchcock)).toBeLessThan(0.8 * spread(anyFilms));
});

test('what draws people drifts: the most attractive films of one month are not all those of the next', () => {
  const best = (timeMs: number) => {
    const { base, drift } = audience.attraction;
    const now = Array.from(base, (value, film) => value + drift(film, timeMs));
    return new Set(
      films
        .map((_, film) => film)
        .sort((a, b) => now[b] - now[a])
        .slice(0, 100),
    );
  };
  const first = best(startMs);
  const later = best(startMs + (spanDays / 2) * DAY_MS);
  const common = [...first].filter((film) => later.has(film)).length;
  expect(common).toBeGreaterThan(50);
  expect(common).toBeLessThan(95);
  let highest = 0;
  for (let film = 0; film < films.length; film++) {
    for (let day = 0; day < spanDays; day += 3) {
      highest = Math.max(highest, audience.attraction.drift(film, startMs + day * DAY_MS));
    }
  }
  expect(highest).toBeLessThanOrEqual(audience.attraction.driftMax);
  expect(highest).toBeGreaterThan(audience.attraction.driftMax / 2);
});

describe('reaction to a slate', () => {
  const timeMs = startMs + 30 * DAY_MS;
  const slate = Uint32Array.from({ length: 10 }, (_, i) => 300 * i + 5);

  test('the same random state gives the same events; they are in order and well-formed', () => {
    const events = react(audience, 3, slate, timeMs, new Random(5));
    expect(react(audience, 3, slate, timeMs, new Random(5))).toEqual(events);
    expect([...events.items.subarray(0, 10)]).toEqual([...slate]);
    expect([...events.actions.subarray(0, 10)]).toEqual(new Array(10).fill(Action.ACTION_IMPRESSION));
    for (let i = 0; i < events.count; i++) {
      expect(events.users[i]).toBe(3);
      expect(slate[events.positions[i]]).toBe(events.items[i]);
      if (i > 0) expect(events.timesMs[i]).toBeGreaterThanOrEqual(events.timesMs[i - 1]);
    }
  });

  test('an empty slate brings no event', () => {
    expect(react(audience, 3, [], timeMs, new Random(5)).count).toBe(0);
  });

  test('clicks at a position come as often as examination times the true click probability', () => {
    const rounds = 40_000;
    const random = new Random(11);
    const film = films.findIndex(({ id }) => id === 'pulp-fiction-1994');
    const user = audience.users.findIndex((_, u) => {
      const probability = audience.trueClickProbability(u, film, timeMs);
      return probability > 0.3 && probability < 0.7;
    });
    const clicks = new Uint32Array(10);
    const same = new Uint32Array(10).fill(film);
    for (let round = 0; round < rounds; round++) {
      const events = react(audience, user, same, timeMs, random);
      for (let i = 0; i < events.count; i++) {
        if (events.actions[i] === Action.ACTION_CLICK) clicks[events.positions[i]]++;
      }
    }
    const truth = audience.trueClickProbability(user, film, timeMs);
    for (let position = 0; position < 10; position++) {
      const expected = audience.examinationProbability(position) * truth;
      expect(Math.abs(clicks[position] / rounds - expected)).toBeLessThan(0.012);
    }
    expect(clicks[0]).toBeGreaterThan(3 * clicks[9]);
  });
});
