import { expect, test } from 'vitest';
import { Random } from '../../common/random.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Audience } from './audience.ts';
import { bootstrapLog } from './bootstrap-log.ts';
import { readFilms } from './film-catalogue.ts';
import { NoveltyFatigue } from './novelty-fatigue.ts';
import { monthAudience, monthProtocol } from './parameters.ts';
import { react } from './reaction.ts';
import { bestExpectedClicks, expectedClicks } from './slate-value.ts';

const films = readFilms().slice(0, monthProtocol.filmCount);
const audience = new Audience(films, { ...monthAudience, userCount: 60 });
const { startMs } = audience.parameters;
const DAY_MS = 86_400_000;

test('looks at a film tire of it, less of others of its genre, not of other genres, and time heals', () => {
  const fatigue = new NoveltyFatigue(audience);
  const genre = films[7].categories[0];
  const sibling = films.findIndex(({ categories }, film) => film !== 7 && categories[0] === genre);
  const stranger = films.findIndex(({ categories }) => categories[0] !== genre);
  for (let look = 0; look < 5; look++) fatigue.look(3, 7);
  const probability = (film: number): number =>
    audience.trueClickProbability(3, film, startMs, fatigue.logits(3, film));
  expect(probability(7)).toBeLessThan(0.6 * audience.trueClickProbability(3, 7, startMs));
  expect(fatigue.logits(3, sibling)).toBeGreaterThan(0);
  expect(fatigue.logits(3, sibling)).toBeLessThan(fatigue.logits(3, 7));
  expect(fatigue.logits(3, stranger)).toBe(0);
  expect(fatigue.logits(4, 7)).toBe(0);
  const tired = fatigue.logits(3, 7);
  fatigue.rest(audience.parameters.fatigueHalfLifeDays);
  expect(fatigue.logits(3, 7)).toBeLessThan(tired);
  fatigue.rest(100);
  expect(fatigue.logits(3, 7)).toBeLessThan(0.01);
});

test('the share of users told changes taste at the time told, and nobody before', () => {
  const { flipDay, flipShare } = audience.parameters;
  const large = new Audience(films, { ...monthAudience, userCount: 1_000 });
  const at = (user: number, day: number): number =>
    large.tasteMatch(user, 11, startMs + day * DAY_MS) + large.tasteMatch(user, 500, startMs + day * DAY_MS);
  let flipped = 0;
  for (let user = 0; user < 1_000; user++) {
    expect(at(user, flipDay - 0.01)).toBe(at(user, 0));
    if (at(user, flipDay) !== at(user, 0)) flipped++;
  }
  expect(Math.abs(flipped / 1_000 - flipShare)).toBeLessThan(0.06);
});

test('films arrive every day in the numbers told, and nobody opens one before', () => {
  const { arrivalMs } = audience.supply;
  const { arrivalsPerDay, arrivalsFromDay, arrivalDays } = audience.parameters;
  for (let day = arrivalsFromDay; day < arrivalsFromDay + arrivalDays; day++)
    expect(arrivalMs.filter((timeMs) => timeMs === startMs + day * DAY_MS).length).toBe(arrivalsPerDay);
  const there = arrivalMs.filter((timeMs) => timeMs === Number.NEGATIVE_INFINITY).length;
  expect(there).toBe(films.length - arrivalsPerDay * arrivalDays);
  const { items, timesMs, count } = bootstrapLog(audience);
  for (let row = 0; row < count; row++) expect(arrivalMs[items[row]]).toBeLessThanOrEqual(timesMs[row]);
});

test('providers have unequal shares, and the long tail is what draws people least', () => {
  const { provider, longTail } = audience.supply;
  const sizes = new Uint32Array(audience.parameters.providerCount);
  for (const of of provider) sizes[of]++;
  expect(sizes[0]).toBeGreaterThan(4 * sizes[sizes.length - 1]);
  const { base } = audience.attraction;
  const lowest = Math.min(...base.filter((_, film) => longTail[film] === 0));
  const highest = Math.max(...base.filter((_, film) => longTail[film] === 1));
  expect(highest).toBeLessThanOrEqual(lowest);
  expect(longTail.reduce((sum, tail) => sum + tail, 0)).toBe(Math.round(0.8 * films.length));
});

test('a slate brings as many clicks as its value says, and none is worth more than the best one', () => {
  const slate = Uint32Array.from({ length: 10 }, (_, i) => 37 * i + 4);
  const moment = { audience, user: 5, timeMs: startMs + 20 * DAY_MS };
  const value = expectedClicks(moment, slate);
  const random = new Random(3);
  const rounds = 20_000;
  let clicks = 0;
  for (let round = 0; round < rounds; round++)
    for (const action of react(audience, 5, slate, moment.timeMs, random).actions)
      if (action === Action.ACTION_CLICK) clicks++;
  expect(Math.abs(clicks / rounds - value)).toBeLessThan(0.03 * value + 0.01);
  const best = bestExpectedClicks(moment, slate, 10);
  expect(best).toBeGreaterThanOrEqual(value);
  const sorted = slate
    .slice()
    .sort(
      (a, b) =>
        audience.trueClickProbability(5, b, moment.timeMs) -
        audience.trueClickProbability(5, a, moment.timeMs),
    );
  expect(expectedClicks(moment, sorted)).toBeCloseTo(best, 12);
});
