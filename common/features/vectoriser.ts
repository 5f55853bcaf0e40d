import type { Action } from '../../gen/millrace/type/v1/type.ts';
import { type Candidates, Columns, isScoreColumn, rankColumn, scoreColumn } from '../columns.ts';
import { isPositive, type User } from '../user-state.ts';
import type { FeatureSchema } from './declarations.ts';
import type { ItemColumns } from './item-columns.ts';
import { countOf, type ItemCounters } from './item-counters.ts';

const MISSING = Number.NaN;
/** Log rank, score, share of the largest score. */
const SOURCE_FEATURES = 3;
const DAY_MS = 86_400_000;
/** Latest positive events that stand for the present taste. */
const RECENT_EVENTS = 30;
const CLICK_PRIOR = { clicks: 1, impressions: 20 };

/** What one request's features are made of. */
export interface VectoriserInput {
  readonly candidates: Candidates;
  readonly user: User;
  readonly timeMs: number;
  readonly counters: ItemCounters;
  /** By score column: what its shares are shares of. Absent: the largest of `candidates`, which are then all of the request. */
  readonly largestScores?: Readonly<Record<string, number>>;
}

/** The largest of each source's scores, by column; columns without a positive one are left out. */
export function largestScores({ columns }: Candidates): Record<string, number> {
  const largest: Record<string, number> = {};
  for (const [name, values] of columns) {
    if (!isScoreColumn(name)) continue;
    const value = largestOf(values);
    if (value > 0) largest[name] = value;
  }
  return largest;
}

/** What the recent history says, once per request. */
interface Taste {
  /** Events that were looked at; 0: nothing is known. */
  events: number;
  meanYear: number;
  meanLogPositives: number;
}

/**
 * Turns candidates into the ranker's rows: the schema's features by column, NaN where a value is missing. Training and serving call this
 * same code. Holds its scratch: one instance serves one call at a time.
 */
export class Vectoriser {
  readonly #items: ItemColumns;
  readonly #schema: FeatureSchema;
  /** First column of each group of features that stand side by side. */
  readonly #at: Readonly<Record<'rrf' | 'item' | 'user' | 'interaction' | 'context', number>>;
  #categoryShare = new Float32Array(64);

  constructor(items: ItemColumns, schema: FeatureSchema) {
    this.#items = items;
    this.#schema = schema;
    const columnOf = (name: string): number => schema.features.findIndex((feature) => feature.name === name);
    this.#at = {
      rrf: columnOf('retrieval.rrf'),
      item: columnOf('item.positives'),
      user: columnOf('user.positives'),
      interaction: columnOf('interaction.category_affinity'),
      context: columnOf('context.hour_sin'),
    };
  }

  /** A new `count` × width row-major matrix. */
  vectorise(input: VectoriserInput): Float32Array {
    const rows = new Float32Array(input.candidates.count * this.#schema.width);
    this.#retrieval(rows, input);
    this.#item(rows, input);
    this.#user(rows, input);
    this.#interaction(rows, input, this.#taste(input));
    this.#context(rows, input.timeMs);
    return rows;
  }

  #retrieval(rows: Float32Array, { candidates, largestScores }: VectoriserInput): void {
    const { sources, width } = this.#schema;
    for (const [i, source] of sources.entries()) {
      const at = i * SOURCE_FEATURES;
      const ranks = candidates.columns.get(rankColumn(source));
      const scores = candidates.columns.get(scoreColumn(source));
      if (ranks === undefined || scores === undefined) {
        for (let row = 0, o = at; row < candidates.count; row++, o += width)
          rows[o] = rows[o + 1] = rows[o + 2] = MISSING;
        continue;
      }
      const largest =
        largestScores === undefined ? largestOf(scores) : (largestScores[scoreColumn(source)] ?? 0);
      for (let row = 0, o = at; row < candidates.count; row++, o += width) {
        const retrieved = ranks[row] > 0;
        rows[o] = retrieved ? Math.log1p(ranks[row]) : MISSING;
        rows[o + 1] = retrieved ? scores[row] : MISSING;
        rows[o + 2] = retrieved && largest > 0 ? scores[row] / largest : MISSING;
      }
    }
    const rrf = candidates.column(Columns.rrf);
    for (let row = 0; row < candidates.count; row++) rows[row * width + this.#at.rrf] = rrf[row];
  }

  #item(rows: Float32Array, { candidates, counters, timeMs }: VectoriserInput): void {
    const { width } = this.#schema;
    for (let row = 0, o = this.#at.item; row < candidates.count; row++, o += width) {
      const item = candidates.items[row];
      const impressions = countOf(counters.column('impression'), item);
      const ageMs = timeMs - this.#items.availableFromMs(item);
      rows[o] = Math.log1p(countOf(counters.column('positive'), item));
      rows[o + 1] = Math.log1p(impressions);
      rows[o + 2] =
        impressions > 0
          ? (countOf(counters.column('click'), item) + CLICK_PRIOR.clicks) /
            (impressions + CLICK_PRIOR.impressions)
          : MISSING;
      rows[o + 3] = this.#items.year(item);
      rows[o + 4] = Math.log1p(Math.max(ageMs, 0) / DAY_MS);
    }
  }

  #user(rows: Float32Array, { candidates, user, timeMs }: VectoriserInput): void {
    const { width } = this.#schema;
    const positives = Math.log1p(user.positives);
    const events = user.timesMs.length;
    const days = events === 0 ? MISSING : Math.log1p(Math.max(timeMs - user.timesMs[events - 1], 0) / DAY_MS);
    for (let row = 0, o = this.#at.user; row < candidates.count; row++, o += width) {
      rows[o] = positives;
      rows[o + 1] = days;
    }
  }

  #interaction(rows: Float32Array, { candidates, counters }: VectoriserInput, taste: Taste): void {
    const { width } = this.#schema;
    const { categories } = this.#items;
    for (let row = 0, o = this.#at.interaction; row < candidates.count; row++, o += width) {
      const item = candidates.items[row];
      const count = categories.lengthOf(item);
      let sum = 0;
      let largest = 0;
      for (let i = 0; i < count; i++) {
        const share = this.#categoryShare[categories.at(item, i)];
        sum += share;
        if (share > largest) largest = share;
      }
      const known = taste.events > 0 && count > 0;
      rows[o] = known ? sum / count : MISSING;
      rows[o + 1] = known ? largest : MISSING;
      rows[o + 2] = Math.abs(this.#items.year(item) - taste.meanYear);
      rows[o + 3] = Math.log1p(countOf(counters.column('positive'), item)) - taste.meanLogPositives;
    }
  }

  #context(rows: Float32Array, timeMs: number): void {
    const { width } = this.#schema;
    const angle = ((timeMs % DAY_MS) / DAY_MS) * 2 * Math.PI;
    const sine = Math.sin(angle);
    const cosine = Math.cos(angle);
    for (let o = this.#at.context; o < rows.length; o += width) {
      rows[o] = sine;
      rows[o + 1] = cosine;
    }
  }

  /** Shares of categories, mean year and mean popularity over the recent events; the shares stay in `#categoryShare`. */
  #taste({ user, counters }: VectoriserInput): Taste {
    const { categories } = this.#items;
    if (this.#categoryShare.length < categories.count)
      this.#categoryShare = new Float32Array(categories.count * 2);
    this.#categoryShare.fill(0);
    let events = 0;
    let years = 0;
    let yearSum = 0;
    let logSum = 0;
    for (let event = user.items.length - 1; event >= 0 && events < RECENT_EVENTS; event--) {
      if (!isPositive(user.actions[event] as Action)) continue;
      events++;
      const item = user.items[event];
      for (let i = 0; i < categories.lengthOf(item); i++) this.#categoryShare[categories.at(item, i)]++;
      logSum += Math.log1p(countOf(counters.column('positive'), item));
      const year = this.#items.year(item);
      if (Number.isNaN(year)) continue;
      years++;
      yearSum += year;
    }
    if (events === 0) return { events, meanYear: MISSING, meanLogPositives: MISSING };
    for (let category = 0; category < categories.count; category++) this.#categoryShare[category] /= events;
    return { events, meanYear: yearSum / years, meanLogPositives: logSum / events };
  }
}

/** At least 0. */
function largestOf(values: Float32Array): number {
  let largest = 0;
  for (let row = 0; row < values.length; row++) if (values[row] > largest) largest = values[row];
  return largest;
}
