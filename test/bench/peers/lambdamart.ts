import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from '../../../common/columns.ts';
import type { GroupedExamples } from '../../../common/models/grouped-examples.ts';
import {
  fitLambdaMart,
  type LambdaMartOptions,
  lambdaMartDefaults,
} from '../../../common/models/lambdamart.ts';
import { RANKER_FAMILIES } from '../../../common/models/ranker-families.ts';
import { Random } from '../../../common/random.ts';
import { measureRanker, type RankingParts, ranking, readParts } from '../ltr.ts';
import { median, type Peer } from './peer.ts';
import { inFolder, readFloats, runScript } from './python.ts';

const THREADS = 2;
const REPEATS = 3;
/** Trees without a better figure before LightGBM stops. */
const PATIENCE = 50;
/** Training groups of `lightgbm_rank` that validate. */
const VALIDATING = 41;
const CUT_OFFS = [1, 3, 5, 10];
/** Training, validation and test files of the five folds of MQ2008. */
const FOLDS = [
  [[1, 2, 3], [4], [5]],
  [[2, 3, 4], [5], [1]],
  [[3, 4, 5], [1], [2]],
  [[4, 5, 1], [2], [3]],
  [[5, 1, 2], [3], [4]],
];

/**
 * LambdaMART against LightGBM. Quality: both choose among the same settings by NDCG@10 of the validation part, in which ours is
 * averaged over neighbouring trees and theirs is not. Seconds: the same trees on the same generated rows, binning included.
 */
export const lambdaMartPeer: Peer = {
  package: { name: 'lightgbm', version: '4.7.0' },
  data: 'data',
  async measure(folder, python, seed) {
    const speed = timed(python, seed);
    return {
      ...speed,
      mq2008: await meanOfFolds(folder, python, seed),
      lightgbmRank: await compared(await lightgbmRank(folder), python, 0, seed),
      threads: THREADS,
    };
  },
};

interface Compared {
  /** NDCG by cut-off. */
  readonly own: Record<string, number>;
  readonly peer: Record<string, number>;
}

async function meanOfFolds(folder: string, python: string, seed: number): Promise<Compared> {
  const file = (fold: number) => join(folder, 'mq2008', `S${fold}.txt.gz`);
  const folds: Compared[] = [];
  for (const [train, valid, test] of FOLDS) {
    const files = { train: train.map(file), valid: valid.map(file), test: test.map(file) };
    folds.push(await compared(await readParts(files, false, 0), python, 1, seed));
  }
  const mean = (of: 'own' | 'peer') =>
    Object.fromEntries(
      CUT_OFFS.map((k) => {
        const figures = folds.map((fold) => fold[of][`ndcg@${k}`]);
        return [`ndcg@${k}`, figures.reduce((sum, figure) => sum + figure, 0) / folds.length];
      }),
    );
  return { own: mean('own'), peer: mean('peer') };
}

async function lightgbmRank(folder: string): Promise<RankingParts> {
  const file = (name: string) => [join(folder, 'lightgbm_rank', name)];
  const files = { train: file('rank.train.gz'), valid: [], test: file('rank.test.gz') };
  return readParts(files, true, VALIDATING);
}

async function compared(
  parts: RankingParts,
  python: string,
  noRelevant: number,
  seed: number,
): Promise<Compared> {
  const own = (await measureRanker('lambdamart', parts, noRelevant, seed)) as Record<string, unknown>;
  const grid = RANKER_FAMILIES.lambdamart.grid(parts.train) as unknown as LambdaMartOptions[];
  const { train, valid, test } = parts;
  const { scores } = fitPeer(python, { train, valid, test }, grid, seed);
  const merits = scores.valid.map((of) => ranking(valid, [10], noRelevant).ndcg(of)[0]);
  const best = scores.test[merits.indexOf(Math.max(...merits))];
  const figures = ranking(test, CUT_OFFS, noRelevant).ndcg(best);
  const keys = CUT_OFFS.map((k) => `ndcg@${k}`);
  return {
    own: Object.fromEntries(keys.map((key) => [key, own[key] as number])),
    peer: Object.fromEntries(keys.map((key, i) => [key, figures[i]])),
  };
}

const TIMED = { groups: 1_000, groupRows: 100, width: 100, trees: 50 };

/** Medians of the seconds of both, in turns, and the NDCG of each on rows that they learnt from. */
function timed(python: string, seed: number) {
  const train = generated(seed);
  const options = { ...lambdaMartDefaults, trees: TIMED.trees, seed };
  const own: number[] = [];
  const peer: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const start = performance.now();
    fitLambdaMart(train, { ...options, threads: THREADS });
    own.push((performance.now() - start) / 1000);
    peer.push(fitPeer(python, { train }, [options], seed).seconds);
  }
  return { ownSeconds: median(own), peerSeconds: median(peer), timed: TIMED };
}

/** Groups of rows whose grades 0 to 4 follow a noisy linear function. */
function generated(seed: number): GroupedExamples {
  const { groups, groupRows, width } = TIMED;
  const random = new Random(seed);
  const rows = groups * groupRows;
  const weights = Float64Array.from({ length: width }, () => random.normal());
  const features = Float32Array.from({ length: rows * width }, () => 2 * random.next() - 1);
  const labels = Float32Array.from({ length: rows }, (_, row) => {
    let merit = 5 * random.normal();
    for (let i = 0; i < width; i++) merit += weights[i] * features[row * width + i];
    return Math.min(4, Math.max(0, Math.floor(merit / 3)));
  });
  return {
    rows,
    width,
    features,
    labels,
    groups: Uint32Array.from({ length: groups + 1 }, (_, group) => group * groupRows),
  };
}

/** LightGBM's seconds and, for each setting, its scores of the parts held out. */
function fitPeer(
  python: string,
  { train, ...heldOut }: { train: GroupedExamples; valid?: GroupedExamples; test?: GroupedExamples },
  settings: readonly LambdaMartOptions[],
  seed: number,
): { seconds: number; scores: Record<'valid' | 'test', Float32Array[]> } {
  return inFolder((folder) => {
    const parts = { train, ...heldOut };
    for (const [name, { features, labels, groups }] of Object.entries(parts)) {
      writeFileSync(join(folder, `${name}.features.f32`), bytesOf(features));
      writeFileSync(join(folder, `${name}.labels.f32`), bytesOf(labels));
      const sizes = groups.subarray(1).map((end, group) => end - groups[group]);
      writeFileSync(join(folder, `${name}.sizes.u32`), bytesOf(sizes));
    }
    const task = { heldOut: Object.keys(heldOut), settings, threads: THREADS, patience: PATIENCE, seed };
    writeFileSync(join(folder, 'task.json'), JSON.stringify(task));
    const { seconds } = runScript(python, 'lambdamart.py', [folder]);
    const scoresOf = (name: string) =>
      name in heldOut ? settings.map((_, i) => readFloats(join(folder, `${i}.${name}.f32`))) : [];
    return { seconds, scores: { valid: scoresOf('valid'), test: scoresOf('test') } };
  });
}
