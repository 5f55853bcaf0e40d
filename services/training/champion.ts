import { Part } from '../../common/bundle/manifest.ts';
import type { Bundle, BundleStore } from '../../common/bundle/store.ts';
import { MillraceError } from '../../common/errors.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { ChurnSummary } from '../../common/stability/churn-summary.ts';
import { plattScaled } from '../../common/stability/platt-scaling.ts';
import { type Distance, drift } from '../../common/stability/score-regularisation.ts';
import type { TrainConfig } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import type { RankerExamples } from './ranker-examples.ts';

const CUT_OFF = 10;
const SCORED_AT_ONCE = 4_096;

/** The champion's ranker as the teacher of the next one. */
export interface Teacher {
  /** Version of its bundle. */
  readonly version: string;
  /** Its probabilities on the training examples, calibrated on their labels. */
  readonly train: Float32Array;
  /** Its probabilities on the validation examples, calibrated on their labels. */
  readonly validation: Float32Array;
}

/** Why there is no teacher. */
export interface NoTeacher {
  readonly skipped: string;
}

/** How far a new ranker is from the champion's, over the validation moments. */
export interface RankerDrift {
  readonly teacher: string;
  readonly lambda: number;
  readonly distance: Distance;
  /** Mean distance of calibrated scores. */
  readonly drift: number;
  /** 1 − overlap@10. */
  readonly 'churn@10': number;
  /** 1 − rank-biased overlap, p = 0.9. */
  readonly rboChurn: number;
  /** Kendall's tau-b over all candidates. */
  readonly tau: number;
}

/** The champion of a store; undefined, with the reason, where none is live or it cannot be read. */
export async function openChampion(store: BundleStore): Promise<Bundle | NoTeacher> {
  const live = await store.live();
  if (live === undefined) return { skipped: 'no bundle is live' };
  try {
    return await store.open(live.champion);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { skipped: error.message };
  }
}

/**
 * Scores the examples with the champion's ranker. Its vectoriser makes the same rows where it has the same feature schema; a
 * champion of another schema teaches nothing.
 */
export async function championTeacher(
  champion: Bundle | NoTeacher,
  { train, validation, schema }: RankerExamples,
): Promise<Teacher | NoTeacher> {
  if ('skipped' in champion) return champion;
  const { version, manifest } = champion;
  if (!champion.has(Part.ranker)) return { skipped: `bundle ${version} has no ranker` };
  if (manifest.featureSchemaHash !== schema.hash)
    return { skipped: `bundle ${version} ranks by other features (schema ${manifest.featureSchemaHash})` };
  await using scorer = await Scorer.open(await champion.read(Part.ranker), {
    width: schema.width,
    featureSchemaHash: schema.hash,
  });
  return {
    version,
    train: await calibrated(scorer, train),
    validation: await calibrated(scorer, validation),
  };
}

/** Measures a ranker, as ONNX, against its teacher. Undefined without validation moments. */
export async function rankerDrift(
  onnx: Uint8Array,
  teacher: Teacher,
  validation: GroupedExamples,
  { lambda, distance }: TrainConfig['stability'],
): Promise<RankerDrift | undefined> {
  if (validation.rows === 0) return undefined;
  await using scorer = await Scorer.open(onnx);
  const student = await calibrated(scorer, validation);
  const churn = new ChurnSummary(CUT_OFF);
  for (let group = 0; group + 1 < validation.groups.length; group++) {
    const [start, end] = [validation.groups[group], validation.groups[group + 1]];
    churn.add(student.subarray(start, end), teacher.validation.subarray(start, end));
  }
  const { overlap, rbo, tau } = churn.means();
  return {
    teacher: teacher.version,
    lambda,
    distance,
    drift: drift(student, teacher.validation, distance, validation.weights),
    'churn@10': 1 - overlap,
    rboChurn: 1 - rbo,
    tau: Number.isNaN(tau) ? 0 : tau,
  };
}

async function calibrated(scorer: Scorer, examples: GroupedExamples): Promise<Float32Array> {
  const { rows, width, features, labels, weights } = examples;
  if (rows === 0) return new Float32Array(0);
  const scores = new Float32Array(rows);
  for (let start = 0; start < rows; start += SCORED_AT_ONCE) {
    const end = Math.min(start + SCORED_AT_ONCE, rows);
    scores.set(await scorer.run(features.subarray(start * width, end * width)), start);
  }
  return plattScaled(scores, labels, weights);
}
