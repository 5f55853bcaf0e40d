import { Tensor } from 'onnxruntime-node';
import { type Batch, takeRows } from './batches.ts';
import type { Feeds } from './gradient-step.ts';
import { type Lookup, neededBy, type Parameter, type Value } from './graph.ts';
import type { OptimiserName, Penalties } from './optimiser.ts';
import { SparseRows } from './sparse-rows.ts';

/** A lookup and what a batch of it needs. */
interface Cut {
  readonly lookup: Lookup;
  readonly rows: SparseRows;
  /** What is fed, of the largest batch so far. */
  output: Float32Array;
  /** Of a bag: what each id's row is multiplied by. */
  scales: Float32Array;
}

/**
 * The tables of a graph that are trained sparsely: their lookups are taken out of the graph, fed from the rows that a batch
 * names, and the gradients of what was fed come back to those rows.
 */
export class EmbeddingTables {
  readonly #cuts: readonly Cut[];
  readonly #rows: readonly SparseRows[];
  readonly #regularised: readonly SparseRows[];
  readonly #feeds: Feeds = {};

  /** `tables`: from `sparseTables`. */
  constructor(loss: Value, tables: readonly Parameter[], optimiser: OptimiserName) {
    const { graph } = loss;
    const needed = neededBy(graph, [loss]);
    const rowsOf = new Map(
      tables.map((table) => [table, new SparseRows(table.data, table.shape[1] as number, optimiser)]),
    );
    this.#rows = [...rowsOf.values()];
    this.#regularised = tables.filter(({ regularised }) => regularised).map((table) => rowsOf.get(table)!);
    this.#cuts = graph.lookups
      .filter(({ table, rows }) => rowsOf.has(table) && needed.has(rows))
      .map((lookup) => ({
        lookup,
        rows: rowsOf.get(lookup.table)!,
        output: new Float32Array(0),
        scales: new Float32Array(0),
      }));
    for (const table of tables)
      this.#feeds[table.name] = new Tensor('float32', table.data, table.shape as number[]);
  }

  /** The values to feed, whose gradients `accumulate` wants. */
  get values(): Value[] {
    return this.#cuts.map(({ lookup }) => lookup.output);
  }

  /** The tables as tensors over their own data, by name: feeds for sessions of the whole graph. */
  get feeds(): Readonly<Feeds> {
    return this.#feeds;
  }

  /** The gradients of all touched rows. */
  get gradients(): Float32Array[] {
    return this.#rows.map(({ gradients }) => gradients);
  }

  get tables(): Float32Array[] {
    return this.#rows.map(({ table }) => table);
  }

  /** What the lookups give for a batch; valid until the next one. */
  lookUp(batch: Batch): Feeds {
    const feeds: Feeds = {};
    for (const cut of this.#cuts) {
      const { lookup, rows } = cut;
      const ids = idsOf(batch, lookup);
      const perRow = ids.length / batch.rows;
      const shape =
        lookup.bag === undefined && lookup.ids.shape.length > 1 ? [batch.rows, perRow] : [batch.rows];
      const size = shape.reduce((product, dimension) => product * dimension, rows.width);
      if (cut.output.length < size) cut.output = new Float32Array(size);
      const output = cut.output.subarray(0, size);
      if (lookup.bag === undefined) takeRows(rows.table, rows.width, ids, output);
      else {
        const mask = batch.values.get(lookup.bag.mask.name) as Float32Array;
        if (cut.scales.length < ids.length) cut.scales = new Float32Array(ids.length);
        const scales = cut.scales.subarray(0, ids.length);
        fillScales(mask, perRow, lookup.bag.pooling, scales);
        pool(rows, ids, scales, perRow, output);
      }
      feeds[lookup.output.name] = new Tensor('float32', output, [...shape, rows.width]);
    }
    return feeds;
  }

  /** Adds the gradients of what `lookUp` gave for the batch to those of the rows. */
  accumulate(batch: Batch, gradients: Readonly<Record<string, Float32Array>>): void {
    for (const { lookup, rows, scales } of this.#cuts) {
      const ids = idsOf(batch, lookup);
      const gradient = gradients[lookup.output.name];
      if (lookup.bag === undefined) rows.add(ids, gradient);
      else rows.addBags(ids, scales, ids.length / batch.rows, gradient);
    }
  }

  addPenalties(penalties: Penalties): void {
    for (const rows of this.#regularised) rows.addPenalties(penalties);
  }

  step(rate: number): void {
    for (const rows of this.#rows) rows.step(rate);
  }
}

/** Those of `parameters` that `loss` reads by lookups only. */
export function sparseTables(loss: Value, parameters: readonly Parameter[]): Parameter[] {
  const { lookups, nodes } = loss.graph;
  const taken = new Set(lookups.map(({ rows }) => rows));
  const needed = neededBy(loss.graph, [loss]);
  const dense = new Set(
    nodes.filter(({ output }) => needed.has(output) && !taken.has(output)).flatMap(({ inputs }) => inputs),
  );
  const tables = new Set(lookups.filter(({ rows }) => needed.has(rows)).map(({ table }) => table));
  return parameters.filter((parameter) => tables.has(parameter) && !dense.has(parameter));
}

function idsOf({ values }: Batch, { ids, table }: Lookup): Uint32Array {
  const column = values.get(ids.name) as Uint32Array | undefined;
  if (column === undefined)
    throw new Error(`there is no column for '${ids.name}', the ids of '${table.name}'`);
  const rows = table.shape[0] as number;
  for (let i = 0; i < column.length; i++) {
    if (column[i] >= rows)
      throw new Error(`column '${ids.name}': id ${column[i]}, '${table.name}' has ${rows} rows`);
  }
  return column;
}

function fillScales(mask: Float32Array, length: number, pooling: 'mean' | 'sum', scales: Float32Array): void {
  scales.set(mask);
  if (pooling === 'sum') return;
  for (let start = 0; start < mask.length; start += length) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += mask[start + i];
    if (sum > 0) for (let i = 0; i < length; i++) scales[start + i] /= sum;
  }
}

function pool(
  { table, width }: SparseRows,
  ids: Uint32Array,
  scales: Float32Array,
  length: number,
  output: Float32Array,
): void {
  output.fill(0);
  for (let i = 0; i < ids.length; i++) {
    const scale = scales[i];
    if (scale === 0) continue;
    let from = ids[i] * width;
    let to = Math.floor(i / length) * width;
    for (let j = 0; j < width; j++) output[to++] += scale * table[from++];
  }
}
