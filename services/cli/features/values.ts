import { Candidates, Columns } from '../../../common/columns.ts';
import type { FeatureDeclaration } from '../../../common/features/declaration.ts';
import { OTHER } from '../../../common/features/encodings/encoding.ts';
import { ItemColumns } from '../../../common/features/item-columns.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import { FAILED } from '../../../common/features/readers.ts';
import { FeatureRequest } from '../../../common/features/request.ts';
import { columnsOf, type FeatureSchema } from '../../../common/features/schema.ts';
import { Vectoriser } from '../../../common/features/vectoriser.ts';
import { anonymousUser } from '../../../common/user-state.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import type { LogData } from '../../training/dataset/from-log.ts';
import { PairSet } from '../../training/positives.ts';
import type { Progress } from '../../training/progress.ts';
import { countersWithout, foldWithout } from '../../training/replay.ts';

/** Candidates of one of the requests that are made to look at values. */
const CANDIDATES = 500;
/** Users looked at, at least where there are so many. */
const USERS = 1_000;

/** What a feature's values are like at the end of the log. */
export interface FeatureValues {
  readonly feature: string;
  /** Rows looked at. */
  readonly rows: number;
  readonly missing: number;
  /** Users or items whose value is not of the feature's type. */
  readonly failed: number;
  /** One of them. */
  readonly example: string;
  /** Mean share of words that the encoding does not know; undefined for encodings that know all. */
  readonly unseen: number | undefined;
  /** Of the model's numbers; NaN where all are missing. */
  readonly least: number;
  readonly greatest: number;
}

/**
 * Values of every item of the catalogue, for users in turn, as a request at the end of the log would see them. The features of retrieval
 * are left out: without a request there are none.
 */
export function valuesOf(
  data: LogData,
  schema: FeatureSchema,
  limits: UserLimits,
  progress: Progress,
): FeatureValues[] {
  const { catalogue, users, feedback } = data;
  const never = new PairSet(catalogue.size);
  const fold = foldWithout(data, never, limits);
  const counters = countersWithout(data, never);
  const items = new ItemColumns(catalogue);
  const vectoriser = new Vectoriser(items, schema);
  const ordinals = Uint32Array.from(catalogue.changedSince(-1)).filter(
    (ordinal) => catalogue.item(ordinal) !== undefined,
  );
  const chunks = Math.max(1, Math.ceil(ordinals.length / CANDIDATES));
  const requests = Math.max(chunks, Math.min(USERS, users.length));
  const timeMs = feedback.timeMs.reduce((latest, time) => Math.max(latest, time), 0);
  const seen = schema.features.map((feature) => new Seen(feature, columnsOf(feature, schema.encoders)));
  for (let request = 0; request < requests; request++) {
    progress('looking at values', request, requests);
    const at = (request % chunks) * CANDIDATES;
    const own = ordinals.subarray(at, at + CANDIDATES);
    const candidates = new Candidates(own, new Map([[Columns.rrf, new Float32Array(own.length)]]));
    const user =
      users.length === 0 ? anonymousUser : fold.state(users[request % users.length], data.endOffset);
    const rows = vectoriser.vectorise({ candidates, user, timeMs, counters });
    let column = 0;
    for (const values of seen) column = values.take(rows, column, schema.width);
  }
  progress('looking at values', requests, requests);
  items.close();
  return seen
    .filter(({ feature }) => feature.family !== 'retrieval')
    .map((values) => ({ ...values.summary(), ...failures(values.feature, data, items) }));
}

class Seen {
  readonly feature: FeatureDeclaration;
  readonly #columns: readonly string[];
  readonly #other: number;
  #rows = 0;
  #missing = 0;
  #unseen = 0;
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;

  constructor(feature: FeatureDeclaration, columns: readonly string[]) {
    this.feature = feature;
    this.#columns = columns;
    this.#other = columns.indexOf(`${feature.name}=${OTHER}`);
  }

  /** Looks at the feature's columns, which begin at `first`; answers where the next one's begin. */
  take(rows: Float32Array, first: number, width: number): number {
    for (let at = first; at < rows.length; at += width) {
      this.#rows++;
      let known = false;
      for (let i = 0; i < this.#columns.length; i++) {
        const value = rows[at + i];
        if (Number.isNaN(value)) continue;
        known = true;
        if (i === this.#other) this.#unseen += value;
        if (value < this.#least) this.#least = value;
        if (value > this.#greatest) this.#greatest = value;
      }
      if (!known) this.#missing++;
    }
    return first + this.#columns.length;
  }

  summary() {
    const known = this.#rows - this.#missing;
    return {
      feature: this.feature.name,
      rows: this.#rows,
      missing: this.#missing,
      unseen: this.#other === -1 ? undefined : this.#unseen / Math.max(1, known),
      least: known === 0 ? Number.NaN : this.#least,
      greatest: known === 0 ? Number.NaN : this.#greatest,
    };
  }
}

/** Every item's or user's value that is not of the feature's type. */
function failures(
  { read }: FeatureDeclaration,
  { catalogue, profiles }: LogData,
  items: ItemColumns,
): Pick<FeatureValues, 'failed' | 'example'> {
  let failed = 0;
  let example = '';
  const found = (id: string): void => {
    failed++;
    example ||= id;
  };
  if (read.of === 'item' || read.of === 'item-vector') {
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) {
      const item = catalogue.item(ordinal);
      if (item === undefined) continue;
      if ((read.of === 'item' ? read.number(item) : read.vector(item)) === FAILED) found(`item ${item.id}`);
    }
  } else if (read.of === 'request') {
    for (const [id, profile] of profiles) {
      const user = { ...anonymousUser, id, profile };
      const nobody = { candidates: Candidates.empty, timeMs: 0, counters: ItemCounters.none };
      if (read.number(new FeatureRequest({ ...nobody, user }, items)) === FAILED) found(`user ${id}`);
    }
  }
  return { failed, example };
}
