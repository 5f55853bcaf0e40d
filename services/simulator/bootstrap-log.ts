import { hash32, Random } from '../../common/random.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import type { Audience } from './audience.ts';
import { type EventColumns, EventWriter } from './events.ts';
import { reactTo, watch } from './reaction.ts';
import { WeightedDraw } from './weighted-draw.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Time to find a film by search or browsing, and the least time between two sessions, milliseconds. */
const SEARCH_MS = 30_000;
const BREAK_MS = 2 * HOUR_MS;

/** Draws in search of a film not opened before; after that the next such film of the catalogue is taken. */
const DRAWS_MAX = 400;

/** No user opens more than this share of the films. */
const FILMS_SHARE_MAX = 0.5;

/** Sessions begin in the evening: mean and deviation of the hour, UTC. */
const EVENING_HOUR = 19;
const EVENING_DEVIATION = 3;

/** What the users share while the log is made. */
interface Run {
  readonly audience: Audience;
  readonly writer: EventWriter;
  /** Draws by a user's taste and a film's attraction. */
  readonly organic: WeightedDraw;
  /** Draws for the home slate, by attraction alone. */
  readonly home: WeightedDraw;
  /** Per film: 1 + the user who opened it last. */
  readonly openedBy: Uint32Array;
  /** Per film: the number of the slate that it was put on last. */
  readonly slateOf: Uint32Array;
  readonly slate: Uint32Array;
  slateCount: number;
}

/**
 * What the audience did before there was a recommender: searching and browsing by taste and popularity (views), and a home
 * page of popular films that are new to the user (impressions, clicks with position bias). Each user opens `filmCount` distinct
 * films. In order of time; the same for the same audience.
 */
export function bootstrapLog(audience: Audience): EventColumns {
  const { films, parameters, users } = audience;
  const run: Run = {
    audience,
    writer: new EventWriter(users.reduce((sum, { filmCount }) => sum + 4 * filmCount, 0)),
    organic: new WeightedDraw(films.length),
    home: new WeightedDraw(films.length),
    openedBy: new Uint32Array(films.length),
    slateOf: new Uint32Array(films.length),
    slate: new Uint32Array(Math.min(parameters.homeSlateLength, Math.floor(films.length / 2))),
    slateCount: 0,
  };
  run.home.setLogits(audience.attraction.base.map((value) => parameters.homeSlateAttractionScale * value));
  const logits = new Float32Array(films.length);
  users.forEach(({ filmCount }, user) => {
    if (filmCount === 0) return;
    audience.organicLogits(user, logits);
    run.organic.setLogits(logits);
    live(run, user);
  });
  return run.writer.inOrderOfTime();
}

/** One user's sessions. */
function live(run: Run, user: number): void {
  const { parameters, users, films } = run.audience;
  const { filmCount } = users[user];
  const random = new Random(hash32(`log:${user}`, parameters.seed));
  let left = Math.max(1, Math.min(filmCount, Math.floor(films.length * FILMS_SHARE_MAX)));
  const starts = sessionStarts(run.audience, user, Math.ceil(left / parameters.filmsPerSession), random);
  let freeMs = 0;
  for (let session = 0; session < starts.length && left > 0; session++) {
    const sessionsLeft = starts.length - session;
    const share = (left / sessionsLeft) * (sessionsLeft === 1 ? 1 : 0.5 + random.next());
    let quota = Math.min(left, Math.max(1, Math.round(share)));
    let nowMs = Math.max(starts[session], freeMs);
    if (random.next() < parameters.homeSlateShare) {
      const { clicks, endMs } = visitHome(run, user, nowMs, left, random);
      left -= clicks;
      quota = Math.min(left, quota - clicks);
      nowMs = endMs;
    }
    for (; quota > 0; quota--, left--) nowMs = search(run, user, nowMs, random);
    freeMs = nowMs + BREAK_MS;
  }
}

/** Times in order, milliseconds since the Unix epoch. The last day stays free, so that sessions end within the span. */
function sessionStarts(audience: Audience, user: number, count: number, random: Random): Float64Array {
  const { startMs, spanDays } = audience.parameters;
  const firstDay = (audience.users[user].joinedMs - startMs) / DAY_MS;
  const days = Math.max(0, spanDays - 1 - firstDay);
  const starts = new Float64Array(count);
  for (let session = 0; session < count; session++) {
    const day = Math.floor(firstDay + random.next() * days);
    const hour = EVENING_HOUR + EVENING_DEVIATION * random.normal();
    const inDay = Math.min(23.9, Math.max(0, hour)) * HOUR_MS;
    starts[session] = Math.max(audience.users[user].joinedMs, Math.floor(startMs + day * DAY_MS + inDay));
  }
  return starts.sort();
}

function visitHome(
  run: Run,
  user: number,
  timeMs: number,
  clicksMax: number,
  random: Random,
): { clicks: number; endMs: number } {
  const { slate, slateOf, openedBy } = run;
  const number = ++run.slateCount;
  const taken = (film: number) => openedBy[film] === user + 1 || slateOf[film] === number;
  for (let position = 0; position < slate.length; position++) {
    const film = drawFree(run.home, run.audience, taken, timeMs, random);
    slateOf[film] = number;
    slate[position] = film;
  }
  const { clicks, endMs } = reactTo(run.audience, run.writer, user, slate, timeMs, random, clicksMax);
  for (const position of clicks) openedBy[slate[position]] = user + 1;
  return { clicks: clicks.length, endMs };
}

/** Finds, opens and watches one film; returns when that is over. */
function search(run: Run, user: number, timeMs: number, random: Random): number {
  const { audience, openedBy, writer } = run;
  const film = drawFree(run.organic, audience, (film) => openedBy[film] === user + 1, timeMs, random);
  openedBy[film] = user + 1;
  const openedMs = timeMs + SEARCH_MS;
  writer.write(user, film, Action.ACTION_VIEW, openedMs, -1);
  return watch(audience, writer, user, film, openedMs, -1, random);
}

/** A film that is there and not taken; the drift of the time enters by rejection. Some film must be free. */
function drawFree(
  draw: WeightedDraw,
  audience: Audience,
  taken: (film: number) => boolean,
  timeMs: number,
  random: Random,
): number {
  const { attraction, films, supply } = audience;
  const isFree = (film: number): boolean => !taken(film) && supply.arrivalMs[film] <= timeMs;
  let film = 0;
  for (let i = 0; i < DRAWS_MAX; i++) {
    film = draw.draw(random);
    if (!isFree(film)) continue;
    if (random.next() < Math.exp(attraction.drift(film, timeMs) - attraction.driftMax)) return film;
  }
  while (!isFree(film)) film = (film + 1) % films.length;
  return film;
}
