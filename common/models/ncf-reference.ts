import { affineRow } from './layers.ts';
import type { DeepPart, FactorPart, NcfNetwork } from './ncf-network.ts';

/** The probability of a pair in plain float64, independent of the graph: the oracle of its export. */
export function referenceProbability(
  { factorPart, deepPart, bias }: NcfNetwork,
  user: number,
  item: number,
): number {
  let logit = bias.data[0];
  if (factorPart !== undefined) logit += factorLogit(factorPart, user, item);
  if (deepPart !== undefined) logit += deepLogit(deepPart, user, item);
  return 1 / (1 + Math.exp(-logit));
}

function factorLogit({ users, items, head }: FactorPart, user: number, item: number): number {
  const factors = head.data.length;
  return head.data.reduce(
    (sum, weight, i) => sum + weight * users.data[user * factors + i] * items.data[item * factors + i],
    0,
  );
}

function deepLogit(
  { users, items, fromUser, fromItem, layers, head }: DeepPart,
  user: number,
  item: number,
): number {
  const width = users.shape[1] as number;
  const row = (table: Float32Array, id: number) =>
    Float64Array.from(table.subarray(id * width, (id + 1) * width));
  const ofUser = affineRow(row(users.data, user), fromUser.data, new Float32Array(fromItem.bias.data.length));
  const ofItem = affineRow(row(items.data, item), fromItem.weights.data, fromItem.bias.data);
  const first = ofUser.map((value, i) => Math.max(0, value + ofItem[i]));
  const last = layers.reduce(
    (x, { weights, bias }) => affineRow(x, weights.data, bias.data).map((value) => Math.max(0, value)),
    first,
  );
  return affineRow(last, head.data, new Float32Array(1))[0];
}
