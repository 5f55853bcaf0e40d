import { Part } from '../../common/bundle/manifest.ts';
import type { Bundle, BundleStore } from '../../common/bundle/store.ts';
import { MillraceError } from '../../common/errors.ts';
import { ChurnSummary } from '../../common/stability/churn-summary.ts';
import { plattScaled } from '../../common/stability/platt-scaling.ts';
import { type Distance, drift } from '../../common/stability/score-regularisation.ts';
import type { TrainConfig } from './config.ts';
import type { GroupedExamples } from './examples.ts';
import { CUT_OFF, scored } from './merit.ts';
import type { RankerExamples } from './ranker-examples.ts';

/** A model of the champion as the teacher of the next one. */
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

/** How far a new model is from its teacher, over the validation moments. */
export interface ModelDrift {
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

/** The model by whose scores the bundle's slates are chosen. */
export function decidingPart(bundle: Bundle): Part {
  return bundle.has(Part.secondStage) ? Part.secondStage : Part.ranker;
}

/**
 * Scores the examples with a model of the champion. Its vectoriser makes the same rows where it has the same feature schema; a
 * champion of another schema teaches nothing.
 */
export async function championTeacher(
  champion: Bundle | NoTeacher,
  { train, validation, schema }: Pick<RankerExamples, 'train' | 'validation' | 'schema'>,
  part: Part,
): Promise<Teacher | NoTeacher> {
  if ('skipped' in champion) return champion;
  const { version, manifest } = champion;
  if (!champion.has(part)) return { skipped: `bundle ${version} has no ${part}` };
  if (manifest.featureSchemaHash !== schema.hash)
    return { skipped: `bundle ${version} ranks by other features (schema ${manifest.featureSchemaHash})` };
  const model = await champion.read(part);
  return { version, train: await calibrated(model, train), validation: await calibrated(model, validation) };
}

/** Measures a model, as ONNX, against its teacher. Undefined without validation moments. */
export async function modelDrift(
  onnx: Uint8Array,
  teacher: Teacher,
  validation: GroupedExamples,
  { lambda, distance }: TrainConfig['stability'],
): Promise<ModelDrift | undefined> {
  if (validation.rows === 0) return undefined;
  const student = await calibrated(onnx, validation);
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

async function calibrated(model: Uint8Array, examples: GroupedExamples): Promise<Float32Array> {
  if (examples.rows === 0) return new Float32Array(0);
  return plattScaled(await scored(model, examples), examples.labels, examples.weights);
}
