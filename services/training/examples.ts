import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import type { Candidates } from '../../common/columns.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import type { ItemCounters } from '../../common/features/item-counters.ts';
import type { FeatureSchema } from '../../common/features/schema.ts';
import { Vectoriser } from '../../common/features/vectoriser.ts';
import type { Examples } from '../../common/models/examples.ts';
import { OUTCOME_TASKS, type OutcomeTask } from '../../common/models/second-stage-tasks.ts';
import type { Random } from '../../common/random.ts';
import type { User } from '../../common/user-state.ts';
import { NO_OUTCOME, type Outcome } from './outcomes.ts';
import type { Moment } from './replay.ts';

/** Answers what retrieval would have, with models that have not seen what is to be predicted. */
export type Retrieve = (user: User, timeMs: number) => Promise<Candidates>;

/** Rows of a ranker, grouped by the moment at which they were candidates. */
export interface GroupedExamples extends Examples {
  readonly weights: Float32Array;
  /** Rows of group g are `groups[g]` up to `groups[g + 1]`. */
  readonly groups: Uint32Array;
  /** What a positive of each row gains in NDCG; 1 where absent. */
  readonly gains?: Float32Array;
  /** One a row by task, see `Outcome`; absent: none is known. */
  readonly outcomes?: Readonly<Record<OutcomeTask, Float32Array>>;
}

/**
 * Pointwise examples of moments: the item taken up is labelled 1, the other candidates 0. Of those at most `negativesMax` are
 * drawn at random, each with the weight of all that it stands for. Moments whose item was not retrieved teach nothing and are
 * left out.
 */
export class ExampleMaker {
  readonly #vectoriser: Vectoriser;
  readonly #retrieve: Retrieve;
  readonly #counters: ItemCounters;
  readonly #random: Random;

  constructor(options: {
    catalogue: Catalogue;
    schema: FeatureSchema;
    retrieve: Retrieve;
    counters: ItemCounters;
    random: Random;
  }) {
    this.#vectoriser = new Vectoriser(new ItemColumns(options.catalogue), options.schema);
    this.#retrieve = options.retrieve;
    this.#counters = options.counters;
    this.#random = options.random;
  }

  /** Adds a moment's rows to `out`, `outcome` to that of the item taken up; false where it was not retrieved. */
  async add(
    { item, state, timeMs }: Moment,
    outcome: Outcome,
    negativesMax: number,
    out: ExampleBuffer,
  ): Promise<boolean> {
    const candidates = await this.#retrieve(state, timeMs);
    const positive = candidates.items.indexOf(item);
    if (positive === -1) return false;
    const rows = this.#vectoriser.vectorise({ candidates, user: state, timeMs, counters: this.#counters });
    const order = this.#random.shuffle(Uint32Array.from(candidates.items.keys()));
    const negatives = Math.min(negativesMax, candidates.count - 1);
    const weight = (candidates.count - 1) / Math.max(1, negatives);
    out.push(rows, positive, 1, 1, outcome);
    for (let i = 0, taken = 0; taken < negatives; i++) {
      if (order[i] === positive) continue;
      out.push(rows, order[i], 0, weight);
      taken++;
    }
    out.endGroup();
    return true;
  }
}

/** Examples that grow by doubling. */
export class ExampleBuffer {
  readonly #width: number;
  #features: Float32Array;
  #labels = new Float32Array(1024);
  #weights = new Float32Array(1024);
  readonly #outcomes: Record<OutcomeTask, number[]> = { watch: [], rating: [] };
  #rows = 0;
  readonly #groups: number[] = [0];

  /** `width`: features a row. */
  constructor(width: number) {
    this.#width = width;
    this.#features = new Float32Array(1024 * width);
  }

  get groupCount(): number {
    return this.#groups.length - 1;
  }

  /** Adds row `row` of `features`. */
  push(
    features: Float32Array,
    row: number,
    label: number,
    weight: number,
    outcome: Outcome = NO_OUTCOME,
  ): void {
    if (this.#rows === this.#labels.length) this.#grow();
    const at = this.#rows++;
    const width = this.#width;
    this.#features.set(features.subarray(row * width, (row + 1) * width), at * width);
    this.#labels[at] = label;
    this.#weights[at] = weight;
    for (const task of OUTCOME_TASKS) this.#outcomes[task].push(outcome[task]);
  }

  endGroup(): void {
    this.#groups.push(this.#rows);
  }

  finish(): GroupedExamples {
    return {
      rows: this.#rows,
      width: this.#width,
      features: this.#features.slice(0, this.#rows * this.#width),
      labels: this.#labels.slice(0, this.#rows),
      weights: this.#weights.slice(0, this.#rows),
      groups: Uint32Array.from(this.#groups),
      outcomes: {
        watch: Float32Array.from(this.#outcomes.watch),
        rating: Float32Array.from(this.#outcomes.rating),
      },
    };
  }

  #grow(): void {
    const grown = (from: Float32Array): Float32Array<ArrayBuffer> => {
      const to = new Float32Array(from.length * 2);
      to.set(from);
      return to;
    };
    this.#features = grown(this.#features);
    this.#labels = grown(this.#labels);
    this.#weights = grown(this.#weights);
  }
}
