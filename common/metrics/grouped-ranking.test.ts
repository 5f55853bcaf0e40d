import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { GroupedRanking, type GroupedRankingOptions } from './grouped-ranking.ts';
import { gradedNdcg, rankingMetrics } from './ranking.ts';

const pessimistic: GroupedRankingOptions = {
  cutOffs: [1, 3, 10],
  gain: 'exponential',
  noRelevant: 0,
  ties: 'pessimistic',
};

function world(seed: number) {
  const random = new Random(seed);
  const groups = Uint32Array.of(0, 1, 30, 33, 60, 64);
  const rows = groups.at(-1)!;
  const labels = Float32Array.from({ length: rows }, () => random.int(5));
  labels.fill(0, 60);
  const scores = Float32Array.from({ length: rows }, () => random.normal());
  return { groups, labels, scores };
}

it('equals the mean of the metrics of each list', () => {
  const { groups, labels, scores } = world(3);
  const sums = [0, 0, 0];
  let precision = 0;
  for (let group = 0; group < 5; group++) {
    const rows = Array.from({ length: groups[group + 1] - groups[group] }, (_, i) => groups[group] + i);
    const grades = new Map(rows.map((row) => [row, labels[row]]));
    const ranked = rows.toSorted((a, b) => scores[b] - scores[a]);
    pessimistic.cutOffs.forEach((k, i) => {
      sums[i] += gradedNdcg(ranked, grades, k, 'exponential') / 5;
    });
    const relevant = new Set(rows.filter((row) => labels[row] > 0));
    precision += rankingMetrics(ranked, relevant, rows.length).averagePrecision / 5;
  }
  const ranking = new GroupedRanking(labels, groups, pessimistic);
  ranking.ndcg(scores).forEach((ndcg, i) => {
    expect(ndcg).toBeCloseTo(sums[i], 12);
  });
  expect(ranking.averagePrecision(scores)).toBeCloseTo(precision, 12);
});

it('ranks the worse of two equal scores first, unless ties are as the rows stand', () => {
  const labels = Float32Array.of(2, 0);
  const groups = Uint32Array.of(0, 2);
  const scores = Float32Array.of(1, 1);
  const options = { ...pessimistic, cutOffs: [1] };
  expect(new GroupedRanking(labels, groups, options).ndcg(scores)).toEqual([0]);
  expect(new GroupedRanking(labels, groups, options).averagePrecision(scores)).toBe(0.5);
  expect(new GroupedRanking(labels, groups, { ...options, ties: 'stable' }).ndcg(scores)).toEqual([1]);
});

it('a group without a relevant row counts as it is told', () => {
  const { groups, labels, scores } = world(5);
  const without = new GroupedRanking(labels, groups, pessimistic);
  const withOne = new GroupedRanking(labels, groups, { ...pessimistic, noRelevant: 1 });
  without.ndcg(scores).forEach((ndcg, i) => {
    expect(withOne.ndcg(scores)[i]).toBeCloseTo(ndcg + 1 / 5, 12);
  });
  expect(withOne.averagePrecision(scores)).toBeCloseTo(without.averagePrecision(scores) + 1 / 5, 12);
});

const VECTORS = join(resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors'), 'ltr');
const absent = !existsSync(VECTORS);

/** Its P@k and MAP@k are in ranking.test.ts. */
it.skipIf(absent)(
  `has XGBoost's values${absent ? ` (skipped: no ${VECTORS}; set MILLRACE_SHARED)` : ''}`,
  () => {
    interface Case {
      metric: string;
      pred: number[];
      label: number[];
      groups?: number[];
      expected: number;
      tol?: number;
    }
    const file = JSON.parse(readFileSync(join(VECTORS, 'xgboost_rank_metrics.json'), 'utf8'));
    const cases = (file.cases as Case[]).filter(({ metric }) => !/^(pre|map@)/.test(metric));
    expect(cases.length).toBe(8);
    for (const { metric, pred, label, groups, expected, tol } of cases) {
      const k = Number(metric.match(/@(\d+)/)?.[1] ?? Math.max(1, pred.length));
      const offsets = Uint32Array.from(groups ?? [0, pred.length]);
      const ranking = new GroupedRanking(Float32Array.from(label), offsets, {
        cutOffs: [k],
        gain: metric.includes('linear') ? 'linear' : 'exponential',
        noRelevant: metric.includes('-') ? 0 : 1,
        ties: 'stable',
      });
      const scores = Float32Array.from(pred);
      const found = metric === 'map' ? ranking.averagePrecision(scores) : ranking.ndcg(scores)[0];
      expect(Math.abs(found - expected), metric).toBeLessThanOrEqual(tol ?? file.tolerance);
    }
  },
);
