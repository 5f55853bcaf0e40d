import { Columns, rankColumn, scoreColumn } from '../../columns.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { FeatureRequest } from '../request.ts';

const family = 'retrieval';

/** How the sources of a bundle found the candidate. */
export function retrievalFeatures(sources: readonly string[]): FeatureDeclaration[] {
  return [
    ...sources.flatMap(featuresOfSource),
    feature('retrieval.rrf', {
      family,
      from: [Columns.rrf],
      description: 'reciprocal-rank fusion over all sources',
      read: {
        of: 'row',
        write: ({ input: { candidates } }, { rows, at, stride, encode }) => {
          const fused = candidates.column(Columns.rrf);
          for (let row = 0, o = at; row < fused.length; row++, o += stride) rows[o] = encode(fused[row]);
        },
      },
    }),
  ];
}

function featuresOfSource(source: string): FeatureDeclaration[] {
  const [ranked, scored] = [rankColumn(source), scoreColumn(source)];
  const otherwise = 'missing if it did not retrieve the item';
  const named = (name: string): string => `retrieval.${source}.${name}`;
  const found = (request: FeatureRequest): Found => foundBy(request, ranked, scored);
  return [
    feature(named('log_rank'), {
      family,
      encoding: { kind: 'log' },
      from: [ranked],
      description: `rank in the list of ${source}; ${otherwise}`,
      read: {
        of: 'row',
        write: (request, { rows, at, stride, encode }) => {
          const { order, count, ranks } = request.once(found);
          for (let i = 0; i < count; i++) rows[at + order[i] * stride] = encode(ranks[order[i]]);
          fill(rows, at, stride, order, count, encode(Number.NaN));
        },
      },
    }),
    feature(named('score'), {
      family,
      from: [scored],
      description: `score of ${source} on its own scale; ${otherwise}`,
      read: {
        of: 'row',
        write: (request, { rows, at, stride, encode }) => {
          const { order, count, scores } = request.once(found);
          for (let i = 0; i < count; i++) rows[at + order[i] * stride] = encode(scores[order[i]]);
          fill(rows, at, stride, order, count, encode(Number.NaN));
        },
      },
    }),
    feature(named('score_share'), {
      family,
      from: [scored],
      description: `score of ${source} over the largest of the request; ${otherwise}`,
      read: {
        of: 'row',
        write: (request, { rows, at, stride, encode }) => {
          const { order, count, scores, largest } = request.once(found);
          for (let i = 0; i < count; i++) rows[at + order[i] * stride] = encode(scores[order[i]] / largest);
          fill(rows, at, stride, order, count, encode(Number.NaN));
        },
      },
    }),
  ];
}

/** What one source gave a request. */
interface Found {
  /** All rows, those that it retrieved first. */
  readonly order: Uint32Array;
  /** How many it retrieved. */
  readonly count: number;
  readonly ranks: Float32Array;
  readonly scores: Float32Array;
  /** Its largest score; NaN if none is positive. */
  readonly largest: number;
}

const NONE = new Float32Array(0);

function foundBy({ input }: FeatureRequest, ranked: string, scored: string): Found {
  const { candidates, largestScores } = input;
  const ranks = candidates.columns.get(ranked);
  const scores = candidates.columns.get(scored);
  const order = new Uint32Array(candidates.count);
  if (ranks === undefined || scores === undefined) {
    for (let row = 0; row < order.length; row++) order[row] = row;
    return { order, count: 0, ranks: NONE, scores: NONE, largest: Number.NaN };
  }
  // Without a branch, which half of the rows would mispredict: each row is written at both ends, and the end that it is not at is written over.
  let count = 0;
  for (let row = 0; row < order.length; row++) {
    order[count] = row;
    order[order.length - 1 - row + count] = row;
    count += ranks[row] > 0 ? 1 : 0;
  }
  const largest = largestScores === undefined ? largestOf(scores) : (largestScores[scored] ?? 0);
  return { order, count, ranks, scores, largest: largest > 0 ? largest : Number.NaN };
}

/** Writes `missing` to the rows that `order` has from `from` on. */
function fill(
  rows: Float32Array,
  at: number,
  stride: number,
  order: Uint32Array,
  from: number,
  missing: number,
): void {
  for (let i = from; i < order.length; i++) rows[at + order[i] * stride] = missing;
}

/** At least 0. */
export function largestOf(values: Float32Array): number {
  let largest = 0;
  for (let row = 0; row < values.length; row++) if (values[row] > largest) largest = values[row];
  return largest;
}
