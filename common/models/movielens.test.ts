import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RankingMeans } from '../metrics/ranking-summary.ts';
import { RankingSummary } from '../metrics/ranking-summary.ts';
import { TopK } from '../top-k.ts';
import { fitIals, IalsUserSolver } from './ials.ts';
import type { InteractionMatrix } from './interactions.ts';
import { interactionMatrix } from './interactions.ts';
import { fitItemToItem, ItemToItemScorer } from './item-to-item.ts';
import { fitPopularity } from './popularity.ts';

// The protocol: every rating is a positive; a user's last event by (time, item id as a number) is the test; all items are
// ranked, seen ones masked, ties by ordinal, ordinals in order of item id; means over users at 10.

const FILE = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'data/ml100k/ml-100k.inter.gz');
const absent = !existsSync(FILE);
const USERS = 943;
const ITEMS = 1682;
const K = 10;

interface Protocol {
  readonly train: InteractionMatrix;
  /** The test item of each user. */
  readonly heldOut: Uint32Array;
}

function leaveOneOut(): Protocol {
  const lines = gunzipSync(readFileSync(FILE)).toString('utf8').trim().split('\n').slice(1);
  const rows = lines.map((line) => line.split('\t').map(Number));
  const all = interactionMatrix(
    {
      users: Uint32Array.from(rows, ([user]) => user - 1),
      items: Uint32Array.from(rows, ([, item]) => item - 1),
      times: Float64Array.from(rows, ([, , , seconds]) => seconds * 1000),
    },
    USERS,
    ITEMS,
  );
  const heldOut = Uint32Array.from({ length: USERS }, (_, user) => all.columns[all.offsets[user + 1] - 1]);
  const trainLength = all.columns.length - USERS;
  const users = new Uint32Array(trainLength);
  const items = new Uint32Array(trainLength);
  const times = new Float64Array(trainLength);
  let next = 0;
  for (let user = 0; user < USERS; user++) {
    for (let entry = all.offsets[user]; entry < all.offsets[user + 1] - 1; entry++, next++) {
      users[next] = user;
      items[next] = all.columns[entry];
      times[next] = all.times[entry];
    }
  }
  return { train: interactionMatrix({ users, items, times }, USERS, ITEMS), heldOut };
}

/** `score` fills `scores` by ordinal from a user's training items, oldest first. */
function evaluate(
  { train, heldOut }: Protocol,
  score: (history: Uint32Array, scores: Float32Array) => void,
): RankingMeans {
  const summary = new RankingSummary(K, ITEMS);
  const scores = new Float32Array(ITEMS);
  const top = new TopK(K);
  for (let user = 0; user < USERS; user++) {
    const history = train.columns.subarray(train.offsets[user], train.offsets[user + 1]);
    score(history, scores);
    for (const item of history) scores[item] = -Infinity;
    top.reset(K);
    for (let item = 0; item < ITEMS; item++) if (scores[item] > -Infinity) top.offer(item, scores[item]);
    const count = top.sort();
    summary.add(top.rows.subarray(0, count), new Set([heldOut[user]]));
  }
  return summary.means();
}

describe.skipIf(absent)(
  `MovieLens-100K, leave-one-out${absent ? ` (skipped: no ${FILE}; set MILLRACE_SHARED)` : ''}`,
  () => {
    const protocol = absent ? undefined! : leaveOneOut();

    it('popularity has the figures that check the protocol', () => {
      const { scores: counts } = fitPopularity(protocol.train);
      const means = evaluate(protocol, (_, scores) => scores.set(counts));
      expect(Math.abs(means.hit - 0.0498)).toBeLessThan(0.002);
      expect(Math.abs(means.ndcg - 0.0255)).toBeLessThan(0.002);
    });

    it('iALS by its defaults is far above popularity', () => {
      const model = fitIals(protocol.train);
      const solver = new IalsUserSolver(model);
      const { dim } = model.options;
      const vector = new Float32Array(dim);
      const means = evaluate(protocol, (history, scores) => {
        solver.solve(history, undefined, vector);
        for (let item = 0; item < ITEMS; item++) {
          let sum = 0;
          for (let i = 0; i < dim; i++) sum += vector[i] * model.itemFactors[item * dim + i];
          scores[item] = sum;
        }
      });
      console.log(`iALS HR@10 ${means.hit.toFixed(4)} NDCG@10 ${means.ndcg.toFixed(4)}`);
      expect(means.hit).toBeGreaterThan(0.13);
      expect(means.ndcg).toBeGreaterThan(0.07);
      expect(means.coverage).toBeGreaterThan(0.3);
    });

    it('item-to-item by its defaults is far above popularity', () => {
      const scorer = new ItemToItemScorer(fitItemToItem(protocol.train));
      const means = evaluate(protocol, (history, scores) => {
        scorer.score(history);
        scores.set(scorer.scores);
      });
      console.log(`item-to-item HR@10 ${means.hit.toFixed(4)} NDCG@10 ${means.ndcg.toFixed(4)}`);
      expect(means.hit).toBeGreaterThan(0.15);
      expect(means.ndcg).toBeGreaterThan(0.08);
    });
  },
);
