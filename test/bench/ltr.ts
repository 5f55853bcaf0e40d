import { GroupedRanking, type GroupedRankingOptions } from '../../common/metrics/grouped-ranking.ts';
import type { GroupedExamples } from '../../common/models/grouped-examples.ts';
import { tellingGroups } from '../../common/models/lists.ts';
import { chooseRanker, RANKER_FAMILIES } from '../../common/models/ranker-families.ts';
import { RANKER_NAMES, type RankerName } from '../../common/models/ranker-names.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import { ImportError } from '../../services/training/import/report.ts';
import { readSvmlight } from '../../services/training/import/svmlight.ts';
import { type Bench, oneOf, parsed, required, UsageError, wholeNumber } from './bench.ts';
import { eachInItsProcess, heartbeat, measured } from './report.ts';

const CUT_OFFS = [1, 3, 5, 10];
/** The cut-off whose NDCG chooses. */
const CHOOSING = 10;
const SEED = 1;
const THREADS = 2;

/** Models of a document's grade, whatever else is in its group: they learn from groups of one document too. */
const POINTWISE: ReadonlySet<RankerName> = new Set(['linear', 'logistic', 'neural']);

/** The three parts of a data set, all of the same columns. */
export interface RankingParts {
  readonly train: GroupedExamples;
  readonly valid: GroupedExamples;
  readonly test: GroupedExamples;
}

/**
 * Rankers on SVMlight files; settings and stopping by NDCG@10 of the validation part. NDCG has gain 2^grade − 1; among equal
 * scores the worse grade is ranked first, so that ties are never to a model's advantage.
 */
export const ltrBench: Bench = {
  usage: `--train F --valid F --test F [--group] [--valid-last N] [--model NAME] [--no-relevant 0|1] [--seed N]
  F: an SVMlight file, plain or .gz; several are separated by commas, or the option repeated
  --group: groups by the file F.query (without .gz) of sizes instead of by qid
  --valid-last N: the last N groups of the training files validate, instead of --valid
  --no-relevant: what a query without a relevant document counts (default 0)
  NAME: ${RANKER_NAMES.join(' ')}`,
  async run(args, print) {
    const values = parsed(args, {
      train: { type: 'string', multiple: true },
      valid: { type: 'string', multiple: true },
      test: { type: 'string', multiple: true },
      group: { type: 'boolean', default: false },
      'valid-last': { type: 'string' },
      model: { type: 'string' },
      'no-relevant': { type: 'string', default: '0' },
      seed: { type: 'string', default: String(SEED) },
    });
    const seed = wholeNumber(values.seed, 'seed');
    const noRelevant = Number(oneOf(values['no-relevant'], ['0', '1'], 'no-relevant'));
    const validLast = values['valid-last'];
    const files = {
      train: filesOf(values.train, 'train'),
      test: filesOf(values.test, 'test'),
      valid: validLast === undefined ? filesOf(values.valid, 'valid') : [],
    };
    if (validLast !== undefined && values.valid !== undefined)
      throw new UsageError('--valid and --valid-last: one of them');
    if (values.model === undefined) return eachInItsProcess('ltr', args, RANKER_NAMES, print);
    const model = oneOf(values.model, RANKER_NAMES, 'model');
    const last = validLast === undefined ? 0 : wholeNumber(validLast, 'valid-last', 1);
    const parts = await readParts(files, values.group, last);
    const { train } = parts;
    const isPointwise = POINTWISE.has(model);
    const learnsFrom = isPointwise ? { ...train, groups: Uint32Array.of(0, train.rows) } : train;
    if (tellingGroups(learnsFrom).length === 0)
      throw new UsageError(
        `${files.train.join(', ')}: no ${isPointwise ? 'two documents are' : 'group has documents'} of different grades`,
      );
    await measured(print, { bench: 'ltr', model, noRelevant }, seed, () =>
      measureRanker(model, parts, noRelevant, seed),
    );
  },
};

function filesOf(values: string[] | undefined, option: string): string[] {
  return required(values?.join(','), option)
    .split(',')
    .filter((file) => file !== '');
}

/** Reads the parts; the last `last` groups of the training files validate unless that is 0. UsageError names a bad line. */
export async function readParts(
  files: { train: string[]; valid: string[]; test: string[] },
  group: boolean,
  last: number,
): Promise<RankingParts> {
  const options = { groups: group ? 'file' : 'qid', namedInFirst: true } as const;
  try {
    if (last === 0) {
      const [train, valid, test] = await readSvmlight([files.train, files.valid, files.test], options);
      return { train, valid, test };
    }
    const [both, test] = await readSvmlight([files.train, files.test], options);
    const count = both.groups.length - 1;
    if (last >= count)
      throw new UsageError(
        `--valid-last: the training files have ${count} groups, of which none would be left`,
      );
    return { train: groupsOf(both, 0, count - last), valid: groupsOf(both, count - last, count), test };
  } catch (error) {
    if (error instanceof ImportError) throw new UsageError(error.message);
    throw error;
  }
}

/** Groups `from` up to, but without, `to`. */
function groupsOf(examples: GroupedExamples, from: number, to: number): GroupedExamples {
  const { width, features, labels, groups } = examples;
  const [start, end] = [groups[from], groups[to]];
  return {
    rows: end - start,
    width,
    features: features.subarray(start * width, end * width),
    labels: labels.subarray(start, end),
    groups: groups.slice(from, to + 1).map((row) => row - start),
  };
}

/** Fits and measures a ranker on the test part; by its default settings where no validation group has an order to learn from. */
export async function measureRanker(
  name: RankerName,
  { train, valid, test }: RankingParts,
  noRelevant: number,
  seed: number,
) {
  const choosing = ranking(valid, [CHOOSING], noRelevant);
  const hear = heartbeat(`ltr: ${name}`);
  const validation = {
    examples: valid,
    metric: (scores: Float32Array | Float64Array) => {
      const [ndcg] = choosing.ndcg(scores);
      hear(`NDCG@${CHOOSING} ${ndcg.toFixed(4)} on the validation part`);
      return ndcg;
    },
  };
  const chosen = await chooseRanker(RANKER_FAMILIES[name], train, {
    seed,
    threads: THREADS,
    ...(tellingGroups(valid).length > 0 && { validation }),
  });
  await using scorer = await Scorer.open(chosen.onnx);
  const scores = await scorer.run(test.features);
  const measure = ranking(test, CUT_OFFS, noRelevant);
  const figures: Record<string, number> = {};
  measure.ndcg(scores).forEach((ndcg, i) => {
    figures[`ndcg@${CUT_OFFS[i]}`] = ndcg;
  });
  const { settings, merits } = chosen;
  return { ...figures, map: measure.averagePrecision(scores), settings, validation: merits };
}

/** Measures as the benchmark does. */
export function ranking(
  { labels, groups }: GroupedExamples,
  cutOffs: number[],
  noRelevant: number,
): GroupedRanking {
  const options: GroupedRankingOptions = { cutOffs, gain: 'exponential', noRelevant, ties: 'pessimistic' };
  return new GroupedRanking(labels, groups, options);
}
