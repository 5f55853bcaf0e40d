import { writeFileSync } from 'node:fs';
import { scatterChart } from '../../common/charts/scatter-chart.ts';
import { rankHeldOut } from '../../common/models/held-out.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { ChurnSummary } from '../../common/stability/churn-summary.ts';
import { DISTANCES, type Distance } from '../../common/stability/score-regularisation.ts';
import { type Bench, oneOf, parsed, UsageError, wholeNumber } from './bench.ts';
import { fitHistoryRanker, type HistoryRanker, type HistoryRankerOptions } from './history-ranker.ts';
import { measured } from './report.ts';
import { readSequences, shareOfRows } from './sequences.ts';

const CUT_OFF = 10;
const LAMBDAS: Readonly<Record<Distance, readonly number[]>> = {
  'cross-entropy': [0, 0.5, 1, 1.5, 3],
  'squared-error': [0, 2, 4, 8, 16],
};
/** Between the seeds of a student and its teacher. */
const TEACHER_SEED = 1_000;

const SETTINGS = {
  dim: 32,
  hidden: 32,
  historyMax: 10,
  negatives: 4,
  epochsMax: 12,
  batchSize: 4_096,
  learningRate: 0.02,
  patience: 2,
  threads: 1,
} satisfies Partial<HistoryRankerOptions>;

/** A user's events before a moment, and those that follow and are to be predicted. */
interface Part {
  readonly past: InteractionMatrix;
  readonly future: InteractionMatrix;
}

interface Figures {
  readonly 'ndcg@10': number;
  /** 1 − overlap@10 against the teacher. */
  readonly 'churn@10': number;
  /** 1 − rank-biased overlap, p = 0.9. */
  readonly rboChurn: number;
  /** Kendall's tau-b over all candidates. */
  readonly tau: number;
}

const NAMES = ['ndcg@10', 'churn@10', 'rboChurn', 'tau'] as const;

/** One lambda's figures on both parts: of one seed, or means over seeds. */
interface Outcome {
  readonly validation: Figures;
  readonly test: Figures;
}

/**
 * Score regularisation against churn. Of each user's events, by time, the teacher learns the first 60%, the student the first
 * 80%, on the next 10% lambda is chosen, the rest is the test. Teacher and student rank every item that is not in the user's
 * past, which for the test includes the validation events; students of one seed start alike.
 */
export const stabilityBench: Bench = {
  usage: '[--data PATH] [--seeds N] [--distance cross-entropy|squared-error] [--svg FILE]',
  async run(args, print) {
    const values = parsed(args, {
      data: { type: 'string', default: '../shared/data/ml100k' },
      seeds: { type: 'string', default: '5' },
      distance: { type: 'string', default: 'cross-entropy' },
      svg: { type: 'string' },
    });
    const seeds = wholeNumber(values.seeds, 'seeds', 1);
    const distance = oneOf(values.distance, DISTANCES, 'distance');
    const events = await readSequences(values.data);
    const split = splitOf(events, values.data);
    const lambdas = LAMBDAS[distance];
    const labels = { bench: 'stability', distance, seeds };
    const teachers: HistoryRanker[] = [];
    await measured(print, { ...labels, model: 'teacher' }, seeds, async () => {
      for (let seed = 1; seed <= seeds; seed++)
        teachers.push(await fitted(seed + TEACHER_SEED, split.teacher));
      return figuresOf(await meanOver(teachers, (teacher) => outcome(teacher, teacher, split)));
    });
    const outcomes: Outcome[] = [];
    for (const lambda of lambdas) {
      await measured(print, { ...labels, model: 'student', lambda }, seeds, async () => {
        const mean = await meanOver(teachers, async (teacher, i) => {
          const student = await fitted(i + 1, split.validation, { model: teacher, lambda, distance });
          return outcome(student, teacher, split);
        });
        outcomes.push(mean);
        return figuresOf(mean);
      });
    }
    const chosen = choose(outcomes);
    print(JSON.stringify({ ...labels, model: 'summary', ...summary(lambdas, outcomes, chosen) }));
    if (values.svg !== undefined) writeFileSync(values.svg, chartOf(lambdas, outcomes, seeds));
  },
};

interface Split {
  /** The teacher's own: what it learns from, and what chooses its epoch. */
  readonly teacher: Part;
  /** The student's, and what chooses epoch and lambda. */
  readonly validation: Part;
  readonly test: Part;
}

function splitOf(events: InteractionMatrix, path: string): Split {
  const part = (cut: number, end: number): Part => ({
    past: shareOfRows(events, 0, cut),
    future: shareOfRows(events, cut, end),
  });
  const split = { teacher: part(0.6, 0.7), validation: part(0.8, 0.9), test: part(0.9, 1) };
  for (const [name, { past, future }] of Object.entries(split)) {
    if (past.columns.length === 0 || future.columns.length === 0)
      throw new UsageError(`${path}: too few events a user: nothing is left for the ${name} part`);
  }
  return split;
}

/** A `teacher` of lambda 0 leaves the student free. */
function fitted(
  seed: number,
  { past, future }: Part,
  teacher?: NonNullable<HistoryRankerOptions['teacher']>,
): Promise<HistoryRanker> {
  return fitHistoryRanker(past, {
    ...SETTINGS,
    seed,
    ...(teacher !== undefined && teacher.lambda > 0 && { teacher }),
    merit: async (model) => (await rankHeldOut(model.forHistories(past), past, future, [CUT_OFF]))[0].ndcg,
  });
}

async function outcome(student: HistoryRanker, teacher: HistoryRanker, split: Split): Promise<Outcome> {
  return {
    validation: await figures(student, teacher, split.validation),
    test: await figures(student, teacher, split.test),
  };
}

async function figures(
  student: HistoryRanker,
  teacher: HistoryRanker,
  { past, future }: Part,
): Promise<Figures> {
  const [model, old] = [student.forHistories(past), teacher.forHistories(past)];
  const [{ ndcg }] = await rankHeldOut(model, past, future, [CUT_OFF]);
  const churn = new ChurnSummary(CUT_OFF);
  const scores = [new Float32Array(past.columnCount), new Float32Array(past.columnCount)];
  const user = new Uint32Array(1);
  for (let row = 0; row < past.rowCount; row++) {
    if (future.offsets[row] === future.offsets[row + 1]) continue;
    user[0] = row;
    await model.scoreUsers(user, scores[0]);
    await old.scoreUsers(user, scores[1]);
    const seen = new Set(past.columns.subarray(past.offsets[row], past.offsets[row + 1]));
    const isNew = (_: number, item: number): boolean => !seen.has(item);
    churn.add(scores[0].filter(isNew), scores[1].filter(isNew));
  }
  const { overlap, rbo, tau } = churn.means();
  return { 'ndcg@10': ndcg, 'churn@10': 1 - overlap, rboChurn: 1 - rbo, tau };
}

async function meanOver<T>(
  values: readonly T[],
  outcomeOf: (value: T, index: number) => Promise<Outcome>,
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const [i, value] of values.entries()) outcomes.push(await outcomeOf(value, i));
  const mean = (part: keyof Outcome): Figures =>
    Object.fromEntries(
      NAMES.map((name) => [name, outcomes.reduce((sum, o) => sum + o[part][name], 0) / outcomes.length]),
    ) as unknown as Figures;
  return { validation: mean('validation'), test: mean('test') };
}

/** The test's figures by name, the validation's behind `validation`. */
function figuresOf({ validation, test }: Outcome): Record<string, unknown> {
  return { ...test, validation };
}

/**
 * Index of the lambda of least churn on the validation part among those that rank it no worse than lambda = 0, whose outcome is the
 * first; if none does, of the one that ranks it best. What the test part may lose beyond that is left as room for noise.
 */
function choose([free, ...held]: readonly Outcome[]): number {
  const base = free.validation['ndcg@10'];
  const harmless = held.filter(({ validation }) => validation['ndcg@10'] >= base);
  const least = (name: 'churn@10' | 'ndcg@10', sign: number, among: readonly Outcome[]): Outcome =>
    among.reduce((best, o) => (sign * o.validation[name] < sign * best.validation[name] ? o : best));
  return 1 + held.indexOf(harmless.length > 0 ? least('churn@10', 1, harmless) : least('ndcg@10', -1, held));
}

function summary(
  lambdas: readonly number[],
  outcomes: readonly Outcome[],
  chosen: number,
): Record<string, unknown> {
  const [free, held] = [outcomes[0].test, outcomes[chosen].test];
  const reduction = (name: 'churn@10' | 'rboChurn') => 1 - held[name] / free[name];
  return {
    lambda: lambdas[chosen],
    churnReduction: reduction('churn@10'),
    rboChurnReduction: reduction('rboChurn'),
    ndcgChange: held['ndcg@10'] / free['ndcg@10'] - 1,
  };
}

function chartOf(lambdas: readonly number[], outcomes: readonly Outcome[], seeds: number): string {
  const line = (name: string, part: keyof Outcome) => ({
    name,
    points: outcomes.map((o, i) => ({
      x: o[part]['churn@10'],
      y: o[part]['ndcg@10'],
      label: `λ = ${lambdas[i]}`,
    })),
  });
  return scatterChart({
    title: `Churn against the teacher and NDCG@10 by lambda, means of ${seeds} seeds`,
    xLabel: 'churn: 1 − overlap@10 with the teacher',
    yLabel: 'NDCG@10',
    series: [line('validation', 'validation'), line('test', 'test')],
  });
}
