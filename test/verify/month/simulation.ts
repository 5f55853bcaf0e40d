import { Candidates, Columns } from '../../../common/columns.ts';
import { hash32, Random } from '../../../common/random.ts';
import { TopK } from '../../../common/top-k.ts';
import { type AudienceParameters, monthProtocol } from '../../../services/simulator/parameters.ts';
import { react } from '../../../services/simulator/reaction.ts';
import { bestExpectedClicks, expectedClicks } from '../../../services/simulator/slate-value.ts';
import { DailyRelevance } from './relevance.ts';
import type { StagePolicy } from './stage-policy.ts';
import { MonthWorld } from './world.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Best items by relevance among the candidates; those that came in the last days are candidates too, as of the source `fresh`. */
const BEST = 100;
const FRESH_DAYS = 7;
/** Regret is measured at one of so many slates: the best slate looks at every item. */
const REGRET_EVERY = 20;

/** What one day came to. */
export interface DayFigures {
  /** Clicks that the slates shown were expected to bring, by the true click probabilities, a slate. */
  readonly reward: number;
  /** What the best slates would have brought more, a slate. */
  readonly regret: number;
  /** Share of the slots that went to the long tail. */
  readonly longTail: number;
  /** The same of the films that came in the last days. */
  readonly fresh: number;
}

export interface MonthFigures {
  readonly days: readonly DayFigures[];
  /** Share of the catalogue that was shown at least once up to each day, counted from the first day that is compared. */
  readonly coverage: readonly number[];
  /** Gini coefficient of exposure over those days. */
  readonly gini: number;
}

/** One month of one policy. The same seed brings the same people, films and luck to every policy. */
export function simulateMonth(
  setting: AudienceParameters,
  seed: number,
  makePolicy: (world: MonthWorld) => StagePolicy,
  days: number = monthProtocol.days,
): MonthFigures {
  const month = new Month(new MonthWorld(setting, seed), seed, makePolicy);
  const figures: DayFigures[] = [];
  const coverage: number[] = [];
  for (let day = 1; day <= days; day++) {
    figures.push(month.live(day));
    coverage.push(month.coverage());
  }
  return { days: figures, coverage, gini: month.gini() };
}

class Month {
  readonly #world: MonthWorld;
  readonly #seed: number;
  readonly #policy: StagePolicy;
  readonly #relevance: DailyRelevance;
  /** By ordinal: examined slots in the days that are compared. */
  readonly #exposure: Float64Array;
  readonly #scores: Float32Array;
  readonly #best = new TopK(BEST);

  constructor(world: MonthWorld, seed: number, makePolicy: (world: MonthWorld) => StagePolicy) {
    const { films, users } = world.audience;
    this.#world = world;
    this.#seed = seed;
    this.#relevance = new DailyRelevance(users.length, films.length);
    this.#relevance.observe(world.history, world.ordinalOf);
    this.#exposure = new Float64Array(films.length);
    this.#scores = new Float32Array(films.length);
    this.#policy = makePolicy(world);
  }

  live(day: number): DayFigures {
    const { audience, fatigue } = this.#world;
    const dayMs = this.#world.dayMs(day);
    this.#world.arrive(dayMs);
    fatigue.rest(1);
    this.#relevance.passDay();
    this.#relevance.learn(this.#world.filmOf.length);
    this.#policy.beginDay(this.#relevance);
    const sums = { reward: 0, regret: 0, measured: 0, longTail: 0, fresh: 0, slots: 0 };
    const { slatesPerDay } = monthProtocol;
    for (let slate = 0; slate < slatesPerDay; slate++) {
      const timeMs = dayMs + (10 + 8 * slate) * HOUR_MS;
      for (let user = 0; user < audience.users.length; user++) this.#show(user, timeMs, day, slate, sums);
    }
    const slates = slatesPerDay * audience.users.length;
    return {
      reward: sums.reward / slates,
      regret: sums.regret / sums.measured,
      longTail: sums.longTail / sums.slots,
      fresh: sums.fresh / sums.slots,
    };
  }

  #show(
    user: number,
    timeMs: number,
    day: number,
    number: number,
    sums: {
      reward: number;
      regret: number;
      measured: number;
      longTail: number;
      fresh: number;
      slots: number;
    },
  ): void {
    const { audience, fatigue, filmOf, ordinalOf } = this.#world;
    const { slateLength, comparedFromDay } = monthProtocol;
    const requestId = `${this.#seed}:${day}:${number}:${user}`;
    const candidates = this.#candidatesOf(user, timeMs);
    const items = this.#policy.choose({ requestId, timeMs, candidates, limit: slateLength });
    const slate = Uint32Array.from(items, (item) => filmOf[item]);
    const moment = { audience, user, timeMs, fatigue };
    const reward = expectedClicks(moment, slate);
    sums.reward += reward;
    if (hash32(requestId) % REGRET_EVERY === 0) {
      const open = filmOf.filter((_, item) => !this.#relevance.isTaken(user, item));
      sums.regret += bestExpectedClicks(moment, open, slateLength) - reward;
      sums.measured++;
    }
    slate.forEach((film, position) => {
      const look = audience.examinationProbability(position);
      sums.slots++;
      sums.longTail += audience.supply.longTail[film];
      sums.fresh += Number(this.#isFresh(ordinalOf[film], timeMs));
      if (day >= comparedFromDay) this.#exposure[ordinalOf[film]] += look;
    });
    const events = react(audience, user, slate, timeMs, new Random(hash32(requestId)), fatigue);
    this.#relevance.observe(events, ordinalOf);
    this.#policy.observe(requestId, events);
  }

  #isFresh(item: number, timeMs: number): boolean {
    return this.#world.arrivedMs[item] > timeMs - FRESH_DAYS * DAY_MS;
  }

  /** The best by relevance that the user has not opened, best first, then the others that are fresh. */
  #candidatesOf(user: number, timeMs: number): Candidates {
    const scores = this.#scores.subarray(0, this.#world.filmOf.length);
    this.#relevance.score(user, scores);
    this.#best.reset(BEST);
    for (let item = 0; item < scores.length; item++)
      if (scores[item] >= this.#best.floor && !this.#relevance.isTaken(user, item))
        this.#best.offer(item, scores[item]);
    const items = Array.from(this.#best.rows.subarray(0, this.#best.sort()));
    const chosen = new Set(items);
    for (let item = scores.length - 1; item >= 0 && this.#isFresh(item, timeMs); item--)
      if (!chosen.has(item) && !this.#relevance.isTaken(user, item)) items.push(item);
    return new Candidates(
      Uint32Array.from(items),
      new Map([[Columns.ranking, Float32Array.from(items, (item) => scores[item])]]),
    );
  }

  /** Share of the items there that were shown in the days compared. */
  coverage(): number {
    const count = this.#world.filmOf.length;
    return this.#exposure.subarray(0, count).reduce((sum, looks) => sum + Number(looks > 0), 0) / count;
  }

  gini(): number {
    const rising = this.#exposure.slice(0, this.#world.filmOf.length).sort();
    let weighted = 0;
    let sum = 0;
    rising.forEach((looks, i) => {
      weighted += (2 * i + 1 - rising.length) * looks;
      sum += looks;
    });
    return weighted / (rising.length * sum);
  }
}
