import { concat, mul, slice, toInteger } from '../onnx/operators.ts';
import type { EncodedIndices } from './encoded-features.ts';
import { besides, besidesRow, denseStack, lookupTable } from './layers.ts';
import { headLayer, joinedInput, type Network, type NetworkContext } from './networks.ts';

export interface NeuralFactorisationOptions {
  /** Names of the categorical columns that hold the user and the item. */
  readonly user: string;
  readonly item: string;
  /** Width of the factors that are multiplied; the deep part has embeddings of its own, of the same width. */
  readonly dim: number;
  /** Units of each deep layer, first to last. */
  readonly hidden: readonly number[];
}

const FACTOR_DEVIATION = 0.1;

/**
 * Neural matrix factorisation (He et al., WWW 2017) with content: the elementwise product of a user's and an item's factors
 * beside deep layers over their other embeddings and all further features, and the heads on both. Throws where a named column
 * is absent, not categorical, or never varied.
 */
export function neuralFactorisation(context: NetworkContext, options: NeuralFactorisationOptions): Network {
  const { random } = context;
  const user = factors(context, options.user, options.dim);
  const item = factors(context, options.item, options.dim);
  const input = joinedInput(context, options.dim);
  const stack = denseStack(input.output, options.hidden, random, 'deep');
  const heads = headLayer(concat([mul(user.output, item.output), stack.output], 1), context);
  return {
    output: heads.output,
    lookups: [user.lookup, item.lookup, ...input.lookups],
    row(row) {
      const ofItem = besidesRow(item.lookup, row);
      const product = besidesRow(user.lookup, row).map((value, i) => value * ofItem[i]);
      return heads.row(Float64Array.from([...product, ...stack.row(input.row(row))]));
    },
  };
}

function factors({ encoding, encoded, random }: NetworkContext, name: string, dim: number) {
  const column = encoding.columns.findIndex((candidate) => candidate.name === name);
  if (column < 0) throw new Error(`there is no column '${name}'`);
  const at = encoding.categorical.findIndex((candidate) => candidate.column === column);
  if (at < 0) throw new Error(`column '${name}' is not a categorical one that varies`);
  const { counts } = encoding.categorical[at];
  const table = Float32Array.from({ length: counts.length * dim }, (_, i) =>
    counts[Math.floor(i / dim)] === 0 ? 0 : FACTOR_DEVIATION * random.normal(),
  );
  const ids = {
    ids: toInteger(slice(encoded.categories!, 1, at, at + 1), `factor_ids_${at}`),
    idsOf: (row: EncodedIndices) => [row.categories[at]],
  };
  const lookup = lookupTable(ids, table, dim, `factors_${at}`);
  return { lookup, output: besides(lookup) };
}
