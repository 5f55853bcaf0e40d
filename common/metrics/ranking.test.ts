import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binaryPreference, gradedDcg, gradedNdcg, rankBiasedPrecision, rankingMetrics } from './ranking.ts';
import { RankingSummary } from './ranking-summary.ts';

const VECTORS = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors');
const absent = !existsSync(VECTORS);
const reason = absent ? ` (skipped: no ${VECTORS}; set MILLRACE_SHARED)` : '';
const json = (path: string) => JSON.parse(readFileSync(join(VECTORS, path), 'utf8'));

/** Gives every name the ordinal of its first mention. */
function ordinals(): (name: string | number) => number {
  const seen = new Map<string, number>();
  return (name) => {
    const key = String(name);
    if (!seen.has(key)) seen.set(key, seen.size);
    return seen.get(key)!;
  };
}

describe('rankingMetrics', () => {
  it('counts by hand', () => {
    const found = rankingMetrics([7, 3, 9, 1, 2], new Set([3, 1, 50]), 4);
    expect(found.precision).toBe(2 / 4);
    expect(found.recall).toBeCloseTo(2 / 3, 15);
    expect(found.f1).toBeCloseTo(4 / 7, 15);
    expect(found.averagePrecision).toBeCloseTo((1 / 2 + 2 / 4) / 3, 15);
    expect(found.reciprocalRank).toBe(1 / 2);
    expect(found.hit).toBe(1);
    const ideal = 1 + 1 / Math.log2(3) + 1 / 2;
    expect(found.ndcg).toBeCloseTo((1 / Math.log2(3) + 1 / Math.log2(5)) / ideal, 15);
  });

  it('is 1 throughout for a perfect list, and 0 for nothing relevant, nothing ranked or a hit below k', () => {
    const perfect = rankingMetrics([4, 5], new Set([5, 4]), 2);
    expect(Object.values(perfect)).toEqual(Array(7).fill(1));
    for (const [ranked, relevant] of [
      [[1, 2], []],
      [[], [1]],
      [[1, 2, 3], [3]],
    ]) {
      expect(Object.values(rankingMetrics(ranked, new Set(relevant), 2))).toEqual(Array(7).fill(0));
    }
  });

  it('divides precision by k where the list is shorter', () => {
    expect(rankingMetrics([1], new Set([1]), 10).precision).toBe(0.1);
  });
});

describe('RankingSummary', () => {
  it('is the mean over the lists, with the share of the catalogue recommended within k', () => {
    const summary = new RankingSummary(2, 8);
    summary.add([1, 2, 6], new Set([1]));
    summary.add([2, 3], new Set([9]));
    const { lists, hit, precision, coverage } = summary.means();
    expect({ lists, hit, precision, coverage }).toEqual({
      lists: 2,
      hit: 0.5,
      precision: 0.25,
      coverage: 3 / 8,
    });
    expect([...summary.values('hit')]).toEqual([1, 0]);
    expect([...summary.recommended]).toEqual([0, 1, 2, 1, 0, 0, 0, 0]);
    expect(new RankingSummary(2, 8).means()).toMatchObject({ lists: 0, hit: 0, coverage: 0 });
  });
});

interface Topic {
  ranked: number[];
  grades: Map<number, number>;
  relevant: Set<number>;
  relevantFrom: number;
}

interface TrecRun {
  readonly qrels: string;
  readonly results: string;
  /** Grade from which a document is relevant (`-l`). */
  readonly relevantFrom?: number;
  /** Judged topics without results count too (`-c`). */
  readonly complete?: boolean;
  /** Documents of a topic that are looked at (`-M`). */
  readonly depth?: number;
}

/** Judgements and run in trec_eval's order: score descending, equal scores by document id descending. */
function trecTopics({ qrels, results, relevantFrom = 1, complete, depth }: TrecRun): Map<string, Topic> {
  const rows = (file: string) =>
    readFileSync(join(VECTORS, 'metrics/trec_eval_official', file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
  const topics = new Map<string, Topic>();
  const ordinal = ordinals();
  for (const [topic, , document, grade] of rows(qrels)) {
    const entry = topics.get(topic) ?? { ranked: [], grades: new Map(), relevant: new Set(), relevantFrom };
    topics.set(topic, entry);
    entry.grades.set(ordinal(document), Number(grade));
    if (Number(grade) >= relevantFrom) entry.relevant.add(ordinal(document));
  }
  const run = rows(results).map(([topic, , document, , score]) => ({
    topic,
    document,
    score: Number(score),
  }));
  run.sort((a, b) => b.score - a.score || (a.document < b.document ? 1 : -1));
  for (const { topic, document } of run) topics.get(topic)!.ranked.push(ordinal(document));
  for (const [name, topic] of topics) {
    topic.ranked.splice(depth ?? Number.POSITIVE_INFINITY);
    if (topic.ranked.length === 0 && !complete) topics.delete(name);
  }
  return topics;
}

function trecExpected(file: string): { measure: string; topic: string; value: number }[] {
  return readFileSync(join(VECTORS, 'metrics/trec_eval_official', file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map((field) => field.trim()))
    .map(([measure, topic, value]) => ({ measure, topic, value: Number(value) }));
}

const FAMILIES: Record<string, (topic: Topic, k: number) => number> = {
  P: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).precision,
  recall: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).recall,
  map_cut: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).averagePrecision,
  success: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).hit,
  ndcg_cut: ({ ranked, grades }, k) => gradedNdcg(ranked, grades, k, 'linear'),
  map: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, ranked.length).averagePrecision,
  recip_rank: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, ranked.length).reciprocalRank,
  ndcg: ({ ranked, grades }) => gradedNdcg(ranked, grades, Infinity, 'linear'),
  Rprec: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, relevant.size).precision,
  bpref: ({ ranked, grades, relevantFrom }) => binaryPreference(ranked, grades, relevantFrom),
  set_P: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, ranked.length).precision,
  set_recall: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, ranked.length).recall,
  set_F: ({ ranked, relevant }) => rankingMetrics(ranked, relevant, ranked.length).f1,
  rbp: ({ ranked, grades }) => rankBiasedPrecision(ranked, grades, 0.9),
};

const QRELS = 'qrels.test';
const RESULTS = 'results.test';
const GRADED = 'qrels.rel_level';
const CUT = 'results.trunc';
const TREC_RUNS: [string, number, TrecRun][] = [
  ['out.test.a', 48, { qrels: QRELS, results: RESULTS }],
  ['out.test.aq', 192, { qrels: QRELS, results: RESULTS }],
  ['out.test.aqc', 192, { qrels: QRELS, results: CUT, complete: true }],
  ['out.test.aqcM', 192, { qrels: QRELS, results: CUT, complete: true, depth: 100 }],
  ['out.test.aql', 192, { qrels: GRADED, results: RESULTS, relevantFrom: 2 }],
  ['out.test.meas_params', 44, { qrels: QRELS, results: RESULTS }],
];

describe.skipIf(absent)(`trec_eval's own expected output${reason}`, () => {
  it.each(TREC_RUNS)('%s, at least %i figures, to the four decimals printed', (file, figures, run) => {
    const topics = trecTopics(run);
    let compared = 0;
    for (const { measure, topic, value } of trecExpected(file)) {
      const [, family, cut] = measure.match(/^([a-z_]+?|P)(?:_(\d+))?$/i) ?? [];
      const compute = FAMILIES[family];
      if (compute === undefined) continue;
      const chosen = topic === 'all' ? [...topics.values()] : [topics.get(topic)!];
      const mean = chosen.reduce((sum, each) => sum + compute(each, Number(cut)), 0) / chosen.length;
      expect(Math.abs(mean - value), `${measure} of ${topic}`).toBeLessThan(5.001e-5);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(figures);
  });

  it('has the same binary NDCG in the one pass as in the graded one', () => {
    for (const { ranked, relevant, grades } of trecTopics({ qrels: QRELS, results: RESULTS }).values()) {
      for (const k of [5, 10, 100, 1000]) {
        expect(rankingMetrics(ranked, relevant, k).ndcg).toBeCloseTo(
          gradedNdcg(ranked, grades, k, 'linear'),
          12,
        );
      }
    }
  });
});

interface RanxCase {
  metric: string;
  params: { k?: number; gain?: 'linear' | 'exp'; p?: number };
  qrels: Record<string, Record<string, number>>;
  ranking: Record<string, string[]>;
  expected: Record<string, number>;
}

const RANX: Record<string, (topic: Topic, k: number, params: RanxCase['params']) => number> = {
  ...FAMILIES,
  precision: FAMILIES.P,
  recall: FAMILIES.recall,
  f1: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).f1,
  hits: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).precision * k,
  hit_rate: FAMILIES.success,
  reciprocal_rank: ({ ranked, relevant }, k) => rankingMetrics(ranked, relevant, k).reciprocalRank,
  r_precision: FAMILIES.Rprec,
  rbp: ({ ranked, grades }, _, { p }) => rankBiasedPrecision(ranked, grades, p!),
  dcg: ({ ranked, grades }, k, { gain }) =>
    gradedDcg(ranked, grades, k, gain === 'exp' ? 'exponential' : 'linear'),
  ndcg: ({ ranked, grades }, k, { gain }) =>
    gradedNdcg(ranked, grades, k, gain === 'exp' ? 'exponential' : 'linear'),
};

describe.skipIf(absent)(`ranx's asserted cases${reason}`, () => {
  const cases: RanxCase[] = absent ? [] : json('metrics/ranx/cases.json');

  it.each(cases.map((each) => [each.metric, JSON.stringify(each.params), each] as const))(
    '%s %s',
    (metric, _, { params, qrels, ranking, expected }) => {
      const values = Object.keys(qrels).map((query) => {
        const ordinal = ordinals();
        const grades = new Map(Object.entries(qrels[query]).map(([item, grade]) => [ordinal(item), grade]));
        const relevant = new Set([...grades].filter(([, grade]) => grade > 0).map(([item]) => item));
        const ranked = ranking[query].map(ordinal);
        const k = params.k ?? Math.max(1, ranked.length);
        return [query, RANX[metric]({ ranked, grades, relevant, relevantFrom: 1 }, k, params)] as const;
      });
      const mean = values.reduce((sum, [, value]) => sum + value, 0) / values.length;
      const byQuery = new Map<string, number>([...values, ['mean', mean]]);
      for (const [query, value] of Object.entries(expected))
        expect(byQuery.get(query), query).toBeCloseTo(value, metric === 'rbp' ? 4 : 9);
    },
  );
});

describe.skipIf(absent)(`the asserted cases of recommenders${reason}`, () => {
  const cases = absent ? undefined : json('metrics/recommenders/cases.json');

  it('give the same means at 10, and the graded NDCG of the textbook', () => {
    const { rating_true: truth, rating_pred: predicted, ranking_k10: expected } = cases;
    const summary = new RankingSummary(10, 20);
    for (const user of new Set<number>(truth.user)) {
      const mine = (table: { user: number[]; item: number[] }) =>
        table.user.flatMap((owner, row) => (owner === user ? [row] : []));
      const rows = mine(predicted).sort((a, b) => predicted.prediction[b] - predicted.prediction[a]);
      const relevant = new Set<number>(mine(truth).map((row) => truth.item[row]));
      summary.add(
        rows.map((row) => predicted.item[row]),
        relevant,
      );
    }
    const means = summary.means();
    expect(means.ndcg).toBeCloseTo(expected.ndcg_binary, 4);
    expect(means.averagePrecision).toBeCloseTo(expected.map, 4);
    expect(means.precision).toBeCloseTo(expected.precision, 4);
    expect(means.recall).toBeCloseTo(expected.recall, 4);
    const { true_rel: grades, ranking, k, value } = cases.ndcg_wiki;
    const judged = new Map<number, number>(grades.map((grade: number, item: number) => [item, grade]));
    expect(gradedNdcg(ranking, judged, k, 'linear')).toBeCloseTo(value, 3);
  });
});

describe.skipIf(absent)(`XGBoost's asserted cases${reason}`, () => {
  it('agree for both gains, and for the mean average precision and precision of one group', () => {
    interface Case {
      metric: string;
      pred: number[];
      label: number[];
      groups?: number[];
      expected: number;
    }
    const cases: Case[] = json('ltr/xgboost_rank_metrics.json').cases;
    let compared = 0;
    for (const { metric, pred, label, groups, expected } of cases) {
      if (groups !== undefined || !label.some((grade) => grade > 0)) continue;
      const ranked = pred.map((_, row) => row).sort((a, b) => pred[b] - pred[a]);
      const k = Number(metric.match(/@(\d+)/)?.[1] ?? pred.length);
      const grades = new Map(label.entries());
      const relevant = new Set(ranked.filter((row) => label[row] > 0));
      const found = metric.startsWith('ndcg')
        ? gradedNdcg(ranked, grades, k, metric.includes('linear') ? 'linear' : 'exponential')
        : rankingMetrics(ranked, relevant, k)[metric.startsWith('map') ? 'averagePrecision' : 'precision'];
      expect(Math.abs(found - expected), metric).toBeLessThan(1e-3);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(7);
  });
});
