import type { Bench } from './bench.ts';

/** The benchmarks by name: what each measures, and where it is. */
export const BENCHES: Readonly<Record<string, { measures: string; load: () => Promise<Bench> }>> = {
  ann: {
    measures: 'nearest-neighbour indexes against an exact truth: recall, queries/s, seconds to build',
    load: async () => (await import('./ann.ts')).annBench,
  },
  bm25: {
    measures: 'BM25 on a TREC collection by the conventions of trec_eval',
    load: async () => (await import('./bm25.ts')).bm25Bench,
  },
  cascade: {
    measures: 'calls/s, CPU per call and latency of Recommend on 100,000 items, beside two floors',
    load: async () => (await import('./cascade.ts')).cascadeBench,
  },
  ctr: {
    measures: 'second-stage models on a CSV file with a label of two values: accuracy, AUC, log loss',
    load: async () => (await import('./ctr.ts')).ctrBench,
  },
  ltr: {
    measures: 'learning to rank on SVMlight files: NDCG and MAP of the test part',
    load: async () => (await import('./ltr.ts')).ltrBench,
  },
  memory: {
    measures: 'the log into the lake, and what is made of it: seconds and peak memory on 5 million events',
    load: async () => (await import('./memory.ts')).memoryBench,
  },
  models: {
    measures: 'candidate models on a train/valid/test split: recall and NDCG, all items ranked',
    load: async () => (await import('./models.ts')).modelsBench,
  },
  peers: {
    measures: "fitting time as a multiple of what others' implementations take, same data and settings",
    load: async () => (await import('./peers.ts')).peersBench,
  },
  'private-training': {
    measures: 'popularity and item-to-item from differentially private counts: NDCG@10 for each epsilon',
    load: async () => (await import('./private-training.ts')).privateTrainingBench,
  },
  privacy: {
    measures: "private queries over 5 million events, the ledger's charges/s, draws of noise/s",
    load: async () => (await import('./privacy.ts')).privacyBench,
  },
  ratings: {
    measures: 'models of explicit ratings: RMSE and MAE by cross-validation',
    load: async () => (await import('./ratings.ts')).ratingsBench,
  },
  reranking: {
    measures: 'choosing 20 of 100 with 50 rules, objectives, DPP and floors: microseconds, by part',
    load: async () => (await import('./reranking.ts')).rerankingBench,
  },
  stability: {
    measures: 'score regularisation: churn against the teacher and NDCG@10 for each lambda',
    load: async () => (await import('./stability.ts')).stabilityBench,
  },
  tls: {
    measures: 'what encryption, and roles by certificate, cost a Recommend through seven processes: CPU',
    load: async () => (await import('./tls.ts')).tlsBench,
  },
  'user-state': {
    measures: 'GetUserState calls/s per core with a history of 200 events, in process and over Redis',
    load: async () => (await import('./user-state.ts')).userStateBench,
  },
};
