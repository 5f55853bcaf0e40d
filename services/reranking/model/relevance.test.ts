import { describe, expect, it } from 'vitest';
import { Candidates, Columns } from '../../../common/columns.ts';
import { Random } from '../../../common/random.ts';
import { bestRows, placesOf, relevanceOf } from './relevance.ts';

const SEED = Number(process.env.SEED ?? 5);

/** Rows from the best by `scores` down. */
function order(scores: Float32Array): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
}

describe('relevance', () => {
  it('puts what was scored above the rest, each part in its own order, whatever the scales', () => {
    console.log(`seed ${SEED}`);
    const random = new Random(SEED);
    for (let round = 0; round < 200; round++) {
      const count = 1 + random.int(30);
      const depth = 1 + random.int(count);
      const scale = 10 ** (random.int(7) - 4);
      const shift = round % 3 === 0 ? -scale : 0;
      const ranking = Float32Array.from({ length: count }, () => scale * random.next() + shift);
      const candidates = new Candidates(
        Uint32Array.from(ranking.keys()),
        new Map([[Columns.ranking, ranking]]),
      );
      const rows = bestRows(candidates, depth);
      expect([...rows].sort((a, b) => a - b)).toEqual(
        order(ranking)
          .slice(0, depth)
          .sort((a, b) => a - b),
      );
      const scores = Float32Array.from(rows, () => 10 ** (-6 * random.next()));
      const relevance = relevanceOf(ranking, rows, scores);
      const byScore = order(scores).map((i) => rows[i]);
      const rest = order(ranking).slice(depth);
      expect(order(relevance)).toEqual([...byScore, ...rest]);
      const places = placesOf(scores, rows, candidates.items);
      expect(byScore.map((row) => places[row])).toEqual(byScore.map((_, place) => place + 1));
      for (const row of rest) expect(places[row]).toBe(0);
    }
  });
});
