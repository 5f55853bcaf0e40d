import { describe, expect, test } from 'vitest';
import { Random } from '../../common/random.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Audience } from './audience.ts';
import { bootstrapLog } from './bootstrap-log.ts';
import type { EventColumns } from './events.ts';
import { readFilms } from './film-catalogue.ts';

const films = readFilms();
const audience = new Audience(films);
const log = bootstrapLog(audience);

function isOpening(events: EventColumns, row: number): boolean {
  return events.actions[row] === Action.ACTION_VIEW || events.actions[row] === Action.ACTION_CLICK;
}

/** Rows of views and clicks. */
const openings = Array.from({ length: log.count }, (_, row) => row).filter((row) => isOpening(log, row));

test('the same seed gives the same log, another seed another', () => {
  const small = { userCount: 60 };
  const once = bootstrapLog(new Audience(films, small));
  expect(bootstrapLog(new Audience(films, small))).toEqual(once);
  expect(bootstrapLog(new Audience(films, { ...small, seed: 9 }))).not.toEqual(once);
});

test('each user opens as many distinct films as its kind says; about 120,000 in all', () => {
  const opened = audience.users.map(() => new Set<number>());
  for (const row of openings) opened[log.users[row]].add(log.items[row]);
  expect(opened.reduce((sum, { size }) => sum + size, 0)).toBe(openings.length);
  expect(opened.map(({ size }) => size)).toEqual(audience.users.map(({ filmCount }) => filmCount));
  expect(openings.length).toBeGreaterThan(110_000);
  expect(openings.length).toBeLessThan(130_000);
  for (const kind of ['newcomer', 'light', 'regular', 'heavy']) {
    expect(audience.users.filter((user) => user.kind === kind).length, kind).toBeGreaterThan(50);
  }
});

test('events are in order of time, whole milliseconds, within the span and after their user joined', () => {
  const { startMs, spanDays } = audience.parameters;
  expect(log.timesMs[0]).toBeGreaterThanOrEqual(startMs);
  expect(log.timesMs[log.count - 1]).toBeLessThan(startMs + spanDays * 86_400_000);
  let [unordered, fractional, early] = [0, 0, 0];
  for (let row = 0; row < log.count; row++) {
    if (row > 0 && log.timesMs[row] < log.timesMs[row - 1]) unordered++;
    if (!Number.isInteger(log.timesMs[row])) fractional++;
    if (log.timesMs[row] < audience.users[log.users[row]].joinedMs) early++;
  }
  expect([unordered, fractional, early]).toEqual([0, 0, 0]);
});

test('values are what their action says', () => {
  let wrong = 0;
  for (let row = 0; row < log.count; row++) {
    const value = log.values[row];
    const action = log.actions[row];
    if (action === Action.ACTION_RATING) wrong += value >= 0.5 && value <= 5 && (value * 2) % 1 === 0 ? 0 : 1;
    else if (action === Action.ACTION_WATCH) wrong += value >= 1 && value <= 60 * 240 ? 0 : 1;
    else if (action === Action.ACTION_PURCHASE) wrong += value > 0 ? 0 : 1;
    else wrong += Number.isNaN(value) ? 0 : 1;
  }
  expect(wrong).toBe(0);
  for (const action of [Action.ACTION_RATING, Action.ACTION_PURCHASE, Action.ACTION_HIDE]) {
    expect(log.actions.includes(action)).toBe(true);
  }
});

test('few films have much of the attention, but not all of it', () => {
  const counts = new Uint32Array(films.length);
  for (const row of openings) counts[log.items[row]]++;
  const ordered = counts.toSorted((a, b) => b - a);
  const top = ordered.subarray(0, Math.floor(films.length / 10)).reduce((sum, count) => sum + count, 0);
  expect(top / openings.length).toBeGreaterThan(0.3);
  expect(top / openings.length).toBeLessThan(0.7);
  expect(ordered.filter((count) => count > 0).length).toBeGreaterThan(0.8 * films.length);
});

test('on home slates, the top is clicked much more often than the end', () => {
  const shown = new Uint32Array(10);
  const clicked = new Uint32Array(10);
  for (let row = 0; row < log.count; row++) {
    if (log.actions[row] === Action.ACTION_IMPRESSION) shown[log.positions[row]]++;
    if (log.actions[row] === Action.ACTION_CLICK) clicked[log.positions[row]]++;
  }
  expect(clicked[0] / shown[0]).toBeGreaterThan(2.5 * (clicked[9] / shown[9]));
  expect(shown[9]).toBeGreaterThan(5000);
});

describe('held out: each user’s last film among those not opened before', () => {
  /** Mean over users of the share of such films that rank below the held-out one: .5 is chance. */
  const auc = (score: (user: number, film: number) => number): number => {
    let sum = 0;
    for (const [user, { last, seen }] of histories) {
      const target = score(user, last);
      let below = 0;
      for (let film = 0; film < films.length; film++) {
        if (!seen.has(film) && score(user, film) < target) below++;
      }
      sum += below / (films.length - seen.size - 1);
    }
    return sum / histories.size;
  };

  const histories = new Map<number, { seen: Set<number>; last: number }>();
  const popularity = new Uint32Array(films.length);
  for (const row of openings) {
    if (log.users[row] >= 500) continue;
    const history = histories.get(log.users[row]);
    if (history === undefined) {
      histories.set(log.users[row], { seen: new Set(), last: log.items[row] });
    } else {
      history.seen.add(history.last);
      history.last = log.items[row];
    }
  }
  for (const { seen } of histories.values()) for (const film of seen) popularity[film]++;

  test('true taste ranks it better than popularity does, and popularity better than chance', () => {
    const random = new Random(3);
    const chance = auc(() => random.next());
    const popular = auc((_, film) => popularity[film]);
    const taste = auc((user, film) => audience.tasteMatch(user, film));
    const truth = auc((user, film) => audience.trueClickProbability(user, film, audience.parameters.startMs));
    expect(Math.abs(chance - 0.5)).toBeLessThan(0.05);
    expect(popular).toBeGreaterThan(chance + 0.15);
    expect(taste).toBeGreaterThan(popular + 0.01);
    expect(truth).toBeGreaterThan(taste + 0.02);
  });
});

test('a catalogue smaller than people’s appetite still gives each a log', () => {
  const small = bootstrapLog(new Audience(films.slice(0, 12), { userCount: 40 }));
  const perUser = new Map<number, Set<number>>();
  for (let row = 0; row < small.count; row++) {
    if (!isOpening(small, row)) continue;
    const opened = perUser.get(small.users[row]) ?? new Set();
    perUser.set(small.users[row], opened.add(small.items[row]));
  }
  for (const opened of perUser.values()) expect(opened.size).toBeLessThanOrEqual(6);
  expect(Math.max(...[...perUser.values()].map(({ size }) => size))).toBe(6);
});
