/**
 * Embedding tables: rows of a parameter [rows, width] taken by int64 ids. A serving model holds the table and gathers in
 * the graph; training gathers and pools outside it and moves the touched rows only (`sparse-rows.ts`).
 */
import type { Parameter, Value } from './graph.ts';
import { div, gatherRows, greater, mul, reduceSum, unsqueeze, where } from './operators.ts';
import { formatShape, sameShape } from './shapes.ts';

/**
 * The table's rows at `ids`, int64 of any shape: [...ids' shape, width]. Ids are an input, or computed, and then training is
 * given a column of them by their name all the same.
 */
export function embedding(table: Parameter, ids: Value, name?: string): Value {
  const rows = takenRows(table, ids, name);
  table.graph.lookups.push({ table, ids, rows, output: rows });
  return rows;
}

/**
 * One row [N, width] for each list of ids: the sum of the rows at `ids` [N, L], an int64 input, each times its `mask` [N, L],
 * a float32 input of 0 for padding and 1 (or a weight ≥ 0) for an id; `mean` divides it by the mask's sum, and an empty list
 * gives zeros.
 */
export function embeddingBag(
  table: Parameter,
  ids: Value,
  mask: Value,
  pooling: 'mean' | 'sum',
  name?: string,
): Value {
  const node = table.graph.nodeName('EmbeddingBag', name);
  if (ids.shape.length !== 2 || !sameShape(ids.shape, mask.shape)) {
    throw new Error(
      `${node}: ids ${formatShape(ids.shape)} and mask ${formatShape(mask.shape)} are not one [N, L]`,
    );
  }
  if (!table.graph.inputs.includes(mask)) throw new Error(`${node}: mask '${mask.name}' is no input`);
  const rows = takenRows(table, ids, `${node} rows`);
  const masked = mul(rows, unsqueeze(mask, [2]));
  const sum = reduceSum(masked, { axes: [1] }, pooling === 'sum' ? node : undefined);
  const output = pooling === 'sum' ? sum : div(sum, sumOrOne(mask), node);
  table.graph.lookups.push({ table, ids, rows, bag: { mask, pooling }, output });
  return output;
}

/** Each row's sum [N, 1], 1 where it is 0. */
function sumOrOne(mask: Value): Value {
  const total = reduceSum(mask, { axes: [1], keepDims: true });
  return where(greater(total, 0), total, 1);
}

function takenRows(table: Parameter, ids: Value, name?: string): Value {
  const node = table.graph.nodeName('Embedding', name);
  if (table.shape.length !== 2)
    throw new Error(`${node}: table '${table.name}' ${formatShape(table.shape)} is not [rows, width]`);
  if ('data' in ids) throw new Error(`${node}: ids '${ids.name}' are no input`);
  return gatherRows(table, ids, node);
}
