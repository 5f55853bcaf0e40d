import { Part } from '../../../common/bundle/manifest.ts';
import type { Bundle } from '../../../common/bundle/store.ts';
import { Candidates, Columns, firstNonFinite } from '../../../common/columns.ts';
import type { ItemColumns } from '../../../common/features/item-columns.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import type { VectoriserInput } from '../../../common/features/request.ts';
import { type ModelRows, ServedModel } from '../../../common/features/served-model.ts';
import { largestScores } from '../../../common/features/vectoriser.ts';
import {
  OUTCOME_COLUMNS,
  OUTCOME_TASKS,
  type OutcomeTask,
} from '../../../common/models/second-stage-tasks.ts';
import { SCORE_OUTPUT } from '../../../common/onnx/scorer.ts';
import { bestRows, placesOf, relevanceOf, spread } from './relevance.ts';

const DEPTH_DEFAULT = 100;

/** What the model said of some rows of a request. */
export interface Scored {
  /** The request's candidates with `score.relevance` and the columns of the second stage. */
  readonly candidates: Candidates;
  /** The rows that were scored, best first by ranking. */
  readonly rows: Uint32Array;
  /** Their probabilities, in that order. */
  readonly scores: Float32Array;
  /** What the model was fed for them. */
  readonly fed: ModelRows;
}

/** One bundle's second-stage model: the best rows of ranking scored again, for every task that it was trained for. */
export class SecondStage {
  /** Of the bundle, for while nothing is counted live. */
  readonly counters: ItemCounters;
  readonly #model: ServedModel;
  readonly #depth: number;
  readonly #outcomes: readonly OutcomeTask[];

  private constructor(model: ServedModel, counters: ItemCounters, depth: number) {
    this.counters = counters;
    this.#model = model;
    this.#depth = depth;
    this.#outcomes = OUTCOME_TASKS.filter((task) => model.outputs.includes(task));
  }

  /** Undefined where the bundle has none; BUNDLE_DAMAGED where it is no model of the bundle's features. */
  static async open(bundle: Bundle, items: () => ItemColumns): Promise<SecondStage | undefined> {
    if (!bundle.has(Part.secondStage)) return undefined;
    const { depth } = bundle.manifest.settings.secondStage ?? {};
    const counters = await bundle.decoded(Part.counters, ItemCounters.read);
    const model = await ServedModel.open(bundle, Part.secondStage, items());
    return new SecondStage(model, counters, typeof depth === 'number' ? depth : DEPTH_DEFAULT);
  }

  /** Names of the columns that it gives the rows of a slate. */
  get columns(): readonly string[] {
    return [Columns.secondRank, Columns.second, ...this.#outcomes.map((task) => OUTCOME_COLUMNS[task])];
  }

  /** Scores the best rows; `quality` in (0, 1] is the share of the usual ones. Features are made before it returns. */
  async score(input: VectoriserInput, quality: number): Promise<Scored> {
    const { candidates } = input;
    const depth = Math.min(candidates.count, Math.max(1, Math.round(this.#depth * quality)));
    const rows = bestRows(candidates, depth);
    const fed = this.#rows(input, rows);
    const outputs = await this.#model.scoreAll(fed);
    for (const [name, values] of Object.entries(outputs))
      if (firstNonFinite(values) !== -1) throw new Error(`the second stage's output ${name} is not finite`);
    const scores = outputs[SCORE_OUTPUT];
    const columns = new Map(candidates.columns);
    columns.set(Columns.relevance, relevanceOf(candidates.column(Columns.ranking), rows, scores));
    columns.set(Columns.secondRank, placesOf(scores, rows, candidates.items));
    columns.set(Columns.second, spread(scores, rows, candidates.count));
    for (const task of this.#outcomes)
      columns.set(OUTCOME_COLUMNS[task], spread(outputs[task], rows, candidates.count));
    return { candidates: new Candidates(candidates.items, columns, candidates.ids), rows, scores, fed };
  }

  /** The probabilities of rows that `other` scored, which it was fed with `fed`. */
  scoresOf(
    input: VectoriserInput,
    { rows, fed }: Pick<Scored, 'rows' | 'fed'>,
    other: SecondStage,
  ): Promise<Float32Array> {
    const alike = other.#model.schema.hash === this.#model.schema.hash;
    return this.#model.score(alike ? fed : this.#rows(input, rows));
  }

  close(): Promise<void> {
    return this.#model.close();
  }

  /** Shares are shares of the largest of all of the request. */
  #rows(input: VectoriserInput, rows: Uint32Array): ModelRows {
    const { candidates } = input;
    return this.#model.rows({
      ...input,
      candidates: candidates.take(rows),
      largestScores: largestScores(candidates),
    });
  }
}
