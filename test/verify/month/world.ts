import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { hash32, Random } from '../../../common/random.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { Audience } from '../../../services/simulator/audience.ts';
import { bootstrapLog } from '../../../services/simulator/bootstrap-log.ts';
import type { EventColumns } from '../../../services/simulator/events.ts';
import { readFilms } from '../../../services/simulator/film-catalogue.ts';
import { NoveltyFatigue } from '../../../services/simulator/novelty-fatigue.ts';
import { type AudienceParameters, monthProtocol } from '../../../services/simulator/parameters.ts';

const DAY_MS = 86_400_000;

/** One seed's people and films, with a catalogue to which films are added as they arrive. */
export class MonthWorld {
  readonly audience: Audience;
  readonly fatigue: NoveltyFatigue;
  readonly catalogue: Catalogue;
  /** What people did before the month. */
  readonly history: EventColumns;
  /** Film of each ordinal, and ordinal of each film; -1 before it arrives. */
  readonly filmOf: number[] = [];
  readonly ordinalOf: Int32Array;
  /** When each ordinal came, milliseconds since the Unix epoch; 0: it was there. */
  readonly arrivedMs: number[] = [];

  constructor(setting: AudienceParameters, seed: number) {
    const films = new Random(hash32('films', seed)).shuffle(readFilms()).slice(0, monthProtocol.filmCount);
    this.audience = new Audience(films, { ...setting, seed });
    this.fatigue = new NoveltyFatigue(this.audience);
    this.catalogue = new Catalogue(`month-${seed}`);
    this.ordinalOf = new Int32Array(films.length).fill(-1);
    this.history = bootstrapLog(this.audience);
    this.arrive(Number.NEGATIVE_INFINITY);
  }

  /** Midnight of a day of the month, from 1, milliseconds since the Unix epoch. */
  dayMs(day: number): number {
    const { startMs, spanDays } = this.audience.parameters;
    return startMs + (spanDays + day - 1) * DAY_MS;
  }

  /** Adds the films that are there by `timeMs` and were not yet. */
  arrive(timeMs: number): void {
    const { films, supply } = this.audience;
    for (const [film, { id, title, categories }] of films.entries()) {
      if (this.ordinalOf[film] >= 0 || supply.arrivalMs[film] > timeMs) continue;
      const ordinal = this.filmOf.push(film) - 1;
      const arrivedMs = Math.max(0, supply.arrivalMs[film]);
      this.arrivedMs.push(arrivedMs);
      this.ordinalOf[film] = ordinal;
      const attributes = {
        provider: { text: `provider-${supply.provider[film]}` },
        tail: { text: supply.longTail[film] === 1 ? 'long' : 'short' },
      };
      const item = Item.fromPartial({ id, title, categories: [...categories], attributes });
      this.catalogue.apply({
        epoch: ordinal + 1,
        ordinal,
        upsert: { ...item, availableFromMs: arrivedMs },
      });
    }
  }
}
