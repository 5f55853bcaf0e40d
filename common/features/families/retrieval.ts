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
        numbers: ({ input: { candidates } }, out) => out.set(candidates.column(Columns.rrf)),
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
        numbers: (request, out) => {
          out.fill(Number.NaN);
          const { rows, ranks } = request.once(found);
          for (let i = 0; i < rows.length; i++) out[rows[i]] = ranks[rows[i]];
        },
      },
    }),
    feature(named('score'), {
      family,
      from: [scored],
      description: `score of ${source} on its own scale; ${otherwise}`,
      read: {
        of: 'row',
        numbers: (request, out) => {
          out.fill(Number.NaN);
          const { rows, scores } = request.once(found);
          for (let i = 0; i < rows.length; i++) out[rows[i]] = scores[rows[i]];
        },
      },
    }),
    feature(named('score_share'), {
      family,
      from: [scored],
      description: `score of ${source} over the largest of the request; ${otherwise}`,
      read: {
        of: 'row',
        numbers: (request, out) => {
          out.fill(Number.NaN);
          const { rows, scores, largest } = request.once(found);
          if (!(largest > 0)) return;
          for (let i = 0; i < rows.length; i++) out[rows[i]] = scores[rows[i]] / largest;
        },
      },
    }),
  ];
}

/** What one source gave a request. */
interface Found {
  /** The rows that it retrieved. */
  readonly rows: Uint32Array;
  readonly ranks: Float32Array;
  readonly scores: Float32Array;
  /** Its largest score, at least 0. */
  readonly largest: number;
}

const NOTHING: Found = {
  rows: new Uint32Array(0),
  ranks: new Float32Array(0),
  scores: new Float32Array(0),
  largest: 0,
};

function foundBy({ input }: FeatureRequest, ranked: string, scored: string): Found {
  const { candidates, largestScores } = input;
  const ranks = candidates.columns.get(ranked);
  const scores = candidates.columns.get(scored);
  if (ranks === undefined || scores === undefined) return NOTHING;
  const rows = new Uint32Array(candidates.count);
  let count = 0;
  for (let row = 0; row < rows.length; row++) {
    rows[count] = row;
    count += ranks[row] > 0 ? 1 : 0;
  }
  const largest = largestScores === undefined ? largestOf(scores) : (largestScores[scored] ?? 0);
  return { rows: rows.subarray(0, count), ranks, scores, largest };
}

/** At least 0. */
export function largestOf(values: Float32Array): number {
  let largest = 0;
  for (let row = 0; row < values.length; row++) if (values[row] > largest) largest = values[row];
  return largest;
}
