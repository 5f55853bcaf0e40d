import { Tensor } from 'onnxruntime-node';
import type { Feeds } from './gradient-step.ts';
import type { Value } from './graph.ts';

/** The rows that feed one graph input, row-major; the input's first dimension is the batch. */
export interface Column {
  readonly input: Value;
  readonly data: Float32Array;
}

/** From this width on a block copy beats a loop: at 128 columns by three times. */
const BLOCK_COPY_WIDTH_MIN = 32;

/** Copies rows of several columns into reused batch tensors. A batch is valid until the next one is made. */
export class Batches {
  readonly rows: number;
  readonly size: number;
  readonly #columns: readonly {
    name: string;
    data: Float32Array;
    width: number;
    shape: number[];
    batch: Float32Array;
  }[];

  /** `gather` makes batches of up to `size` rows. Throws where columns differ in rows. */
  constructor(columns: readonly Column[], size: number) {
    this.size = size;
    this.#columns = columns.map(({ input, data }) => {
      const shape = input.shape.slice(1) as number[];
      const width = shape.reduce((product, dimension) => product * dimension, 1);
      const batch = new Float32Array(Math.min(size * width, data.length));
      return { name: input.name, data, width, shape, batch };
    });
    const [first] = this.#columns;
    this.rows = first === undefined ? 0 : first.data.length / first.width;
    for (const { name, data, width } of this.#columns) {
      if (data.length !== this.rows * width) {
        throw new Error(
          `column '${name}' has ${data.length / width} rows, column '${first!.name}' ${this.rows}`,
        );
      }
    }
  }

  /** Rows `order[start]` up to, but without, `order[end]`. */
  gather(order: Uint32Array, start: number, end: number): Feeds {
    const feeds: Feeds = {};
    for (const { name, data, width, shape, batch } of this.#columns) {
      const rows = end - start;
      if (width >= BLOCK_COPY_WIDTH_MIN) {
        for (let i = 0; i < rows; i++) {
          const from = order[start + i] * width;
          batch.set(data.subarray(from, from + width), i * width);
        }
      } else {
        for (let i = 0, to = 0; i < rows; i++) {
          const from = order[start + i] * width;
          for (let j = 0; j < width; j++) batch[to++] = data[from + j];
        }
      }
      feeds[name] = new Tensor('float32', batch.subarray(0, rows * width), [rows, ...shape]);
    }
    return feeds;
  }

  /** Rows `start` up to, but without, `end`, as they lie: nothing is copied. */
  view(start: number, end: number): Feeds {
    const feeds: Feeds = {};
    for (const { name, data, width, shape } of this.#columns) {
      feeds[name] = new Tensor('float32', data.subarray(start * width, end * width), [end - start, ...shape]);
    }
    return feeds;
  }
}
