import type { VectorModel } from '../../common/models/candidate-model.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { entryRows } from '../../common/models/interactions.ts';
import { vectorModel } from '../../common/models/vector-model.ts';
import type { Column, Values } from '../../common/onnx/batches.ts';
import { embedding, embeddingBag } from '../../common/onnx/embedding.ts';
import { Graph, type Value } from '../../common/onnx/graph.ts';
import { binaryCrossEntropy } from '../../common/onnx/losses.ts';
import { add, gemm, mul, reduceSum, relu, reshape, unsqueeze } from '../../common/onnx/operators.ts';
import { train } from '../../common/onnx/train.ts';
import { Random } from '../../common/random.ts';
import { type ScoreRegularisation, scoreRegularised } from '../../common/stability/score-regularisation.ts';

export interface HistoryRankerOptions {
  readonly seed: number;
  readonly dim: number;
  readonly hidden: number;
  /** Latest items that stand for a user. */
  readonly historyMax: number;
  /** Items drawn at random, not of the user's, beside each that was taken. */
  readonly negatives: number;
  readonly epochsMax: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly threads: number;
  /** The model whose scores of the same events hold the new one's. */
  readonly teacher?: ScoreRegularisation & { readonly model: HistoryRanker };
  /** Chooses the epoch; higher is better. */
  readonly merit: (model: HistoryRanker) => Promise<number>;
  /** Epochs without a better merit before training stops. */
  readonly patience: number;
}

const DEVIATION = 0.1;

/**
 * A neural ranker of items for a history: u = h + W₂ relu(W₁ h + b), where h sums the embeddings of the latest items over the root
 * of their number; P(taken) = σ(u · v + b) with embedding and bias of the item (as the candidate generator of Covington, Adams,
 * Sargin, RecSys 2016, under binary cross-entropy with drawn negatives). It knows users by what they did, so that the same
 * weights score any later moment.
 */
export class HistoryRanker {
  readonly itemCount: number;
  readonly options: HistoryRankerOptions;
  readonly context: Float32Array;
  /** [items × (dim + 1)]: embedding and bias. */
  readonly items: Float32Array;
  readonly inner: Float32Array;
  readonly innerBias: Float32Array;
  readonly outer: Float32Array;

  constructor(itemCount: number, options: HistoryRankerOptions) {
    const { dim, hidden, negatives, seed } = options;
    const random = new Random(seed);
    const normal = (length: number, deviation: number) =>
      Float32Array.from({ length }, () => deviation * random.normal());
    this.itemCount = itemCount;
    this.options = options;
    this.context = normal(itemCount * dim, DEVIATION);
    this.items = normal(itemCount * (dim + 1), DEVIATION);
    for (let at = dim; at < this.items.length; at += dim + 1) this.items[at] = -Math.log(negatives);
    this.inner = normal(dim * hidden, Math.sqrt(2 / dim));
    this.innerBias = new Float32Array(hidden);
    this.outer = normal(hidden * dim, DEVIATION / Math.sqrt(hidden));
  }

  /** Writes the user's vector and a 1 for the bias: dim + 1 values at `at`. `items[start]` up to `items[end]`, oldest first. */
  userVector(items: Uint32Array, start: number, end: number, into: Float32Array, at: number): void {
    const { dim, hidden, historyMax } = this.options;
    const from = Math.max(start, end - historyMax);
    into.fill(0, at, at + dim);
    const scale = 1 / Math.sqrt(Math.max(1, end - from));
    for (let entry = from; entry < end; entry++)
      for (let i = 0, row = items[entry] * dim; i < dim; i++) into[at + i] += scale * this.context[row + i];
    const units = new Float64Array(hidden);
    for (let unit = 0; unit < hidden; unit++) {
      let sum = this.innerBias[unit];
      for (let i = 0; i < dim; i++) sum += into[at + i] * this.inner[i * hidden + unit];
      units[unit] = Math.max(0, sum);
    }
    for (let unit = 0; unit < hidden; unit++) {
      if (units[unit] === 0) continue;
      for (let i = 0; i < dim; i++) into[at + i] += units[unit] * this.outer[unit * dim + i];
    }
    into[at + dim] = 1;
  }

  /** The model for users whose histories are the rows of `histories`; scores are log-odds. */
  forHistories({ rowCount, offsets, columns }: InteractionMatrix): VectorModel {
    const width = this.options.dim + 1;
    const users = new Float32Array(rowCount * width);
    for (let row = 0; row < rowCount; row++)
      this.userVector(columns, offsets[row], offsets[row + 1], users, row * width);
    return vectorModel(width, users, this.items);
  }
}

interface Inputs {
  readonly history: Value;
  readonly mask: Value;
  readonly items: Value;
  readonly labels: Value;
  readonly teacher: Value | undefined;
}

/** Fits the ranker on the sequences of `matrix`: each entry is predicted from those before it. */
export async function fitHistoryRanker(
  matrix: InteractionMatrix,
  options: HistoryRankerOptions,
): Promise<HistoryRanker> {
  const model = new HistoryRanker(matrix.columnCount, options);
  const { loss, graph, inputs } = build(model);
  const rows = new TrainingRows(matrix, options);
  const { seed, epochsMax: epochs, batchSize, learningRate, threads, merit, patience } = options;
  await train(loss, graph.parameters, () => rows.columns(inputs), {
    seed,
    epochs,
    batchSize,
    learningRate,
    threads,
    validation: { merit: () => merit(model), patience },
  });
  return model;
}

/** The training graph over the model's own arrays. */
function build(model: HistoryRanker): { loss: Value; graph: Graph; inputs: Inputs } {
  const { itemCount, options } = model;
  const { dim, hidden, historyMax, negatives, teacher } = options;
  const drawn = negatives + 1;
  const graph = new Graph();
  const inputs = {
    history: graph.input('history', ['N', historyMax], 'int64'),
    mask: graph.input('mask', ['N', historyMax]),
    items: graph.input('items', ['N', drawn], 'int64'),
    labels: graph.input('labels', ['N', drawn]),
    teacher: teacher && graph.input('teacher', ['N', drawn]),
  };
  const context = graph.parameter('context', [itemCount, dim], model.context);
  const table = graph.parameter('item_table', [itemCount, dim + 1], model.items);
  const bag = embeddingBag(context, inputs.history, inputs.mask, 'sum');
  const inner = graph.parameter('inner', [dim, hidden], model.inner);
  const innerBias = graph.parameter('inner_bias', [hidden], model.innerBias, false);
  const units = relu(gemm(bag, inner, { bias: innerBias }));
  const user = add(bag, gemm(units, graph.parameter('outer', [hidden, dim], model.outer)));
  const one = Float32Array.from({ length: dim * (dim + 1) }, (_, i) =>
    Number(Math.floor(i / (dim + 1)) === i % (dim + 1)),
  );
  const last = Float32Array.from({ length: dim + 1 }, (_, i) => Number(i === dim));
  const widened = gemm(user, graph.constant('widen', [dim, dim + 1], one), {
    bias: graph.constant('one', [dim + 1], last),
  });
  const products = mul(embedding(table, inputs.items), unsqueeze(widened, [1]));
  const logits = reshape(reduceSum(products, { axes: [2] }), ['N', drawn]);
  const task = binaryCrossEntropy(logits, inputs.labels);
  const taught = inputs.teacher;
  const loss = taught === undefined ? task : scoreRegularised(task, logits, taught, teacher!);
  return { loss, graph, inputs };
}

/** One row an event: its history, the item taken and drawn ones, and what the teacher says to them. */
class TrainingRows {
  readonly #matrix: InteractionMatrix;
  readonly #options: HistoryRankerOptions;
  readonly #users: Uint32Array;
  readonly #taken: Uint8Array;
  readonly #random: Random;
  readonly #items: Uint32Array;
  readonly #labels: Float32Array;
  readonly #teacherUsers: Float32Array | undefined;

  constructor(matrix: InteractionMatrix, options: HistoryRankerOptions) {
    this.#matrix = matrix;
    this.#options = options;
    this.#users = entryRows(matrix);
    this.#random = new Random(options.seed ^ 0x5bd1e995);
    this.#taken = new Uint8Array(matrix.columnCount);
    const drawn = options.negatives + 1;
    this.#items = new Uint32Array(matrix.columns.length * drawn);
    this.#labels = Float32Array.from(this.#items, (_, i) => Number(i % drawn === 0));
    this.#teacherUsers = options.teacher && this.#vectorsBy(options.teacher.model);
  }

  /** The columns of one epoch, with negatives of its own. */
  columns({ history, mask, items, labels, teacher }: Inputs): Column[] {
    const rows = this.#users.length;
    this.#draw();
    const columns: Column[] = [
      { input: history, rows, compute: (of, into) => this.#histories(of, into, false) },
      { input: mask, rows, compute: (of, into) => this.#histories(of, into, true) },
      { input: items, data: this.#items },
      { input: labels, data: this.#labels },
    ];
    if (teacher !== undefined)
      columns.push({ input: teacher, rows, compute: (of, into) => this.#teach(of, into as Float32Array) });
    return columns;
  }

  #draw(): void {
    const { columns, offsets, rowCount, columnCount } = this.#matrix;
    const drawn = this.#options.negatives + 1;
    for (let user = 0; user < rowCount; user++) {
      const [start, end] = [offsets[user], offsets[user + 1]];
      for (let entry = start; entry < end; entry++) this.#taken[columns[entry]] = 1;
      const full = end - start === columnCount;
      for (let entry = start; entry < end; entry++) {
        this.#items[entry * drawn] = columns[entry];
        for (let i = 1; i < drawn; i++) {
          let item = this.#random.int(columnCount);
          while (!full && this.#taken[item] === 1) item = this.#random.int(columnCount);
          this.#items[entry * drawn + i] = item;
        }
      }
      for (let entry = start; entry < end; entry++) this.#taken[columns[entry]] = 0;
    }
  }

  /** Ids of the latest items before each entry, or their weights; 0 behind them. */
  #histories(entries: Uint32Array, into: Values, weights: boolean): void {
    const { historyMax } = this.#options;
    const { columns, offsets } = this.#matrix;
    into.fill(0);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      const from = Math.max(offsets[this.#users[entry]], entry - historyMax);
      const weight = 1 / Math.sqrt(entry - from);
      for (let at = from; at < entry; at++) into[i * historyMax + at - from] = weights ? weight : columns[at];
    }
  }

  #vectorsBy(teacher: HistoryRanker): Float32Array {
    const { columns, offsets } = this.#matrix;
    const width = teacher.options.dim + 1;
    const vectors = new Float32Array(columns.length * width);
    for (let entry = 0; entry < columns.length; entry++)
      teacher.userVector(columns, offsets[this.#users[entry]], entry, vectors, entry * width);
    return vectors;
  }

  /** The teacher's probabilities of the entries' items. */
  #teach(entries: Uint32Array, into: Float32Array): void {
    const drawn = this.#options.negatives + 1;
    const { model } = this.#options.teacher!;
    const width = model.options.dim + 1;
    const users = this.#teacherUsers!;
    for (let i = 0; i < entries.length; i++) {
      const user = entries[i] * width;
      for (let j = 0; j < drawn; j++) {
        const item = this.#items[entries[i] * drawn + j] * width;
        let logit = 0;
        for (let k = 0; k < width; k++) logit += users[user + k] * model.items[item + k];
        into[i * drawn + j] = 1 / (1 + Math.exp(-logit));
      }
    }
  }
}
