import { CANDIDATE_FAMILIES, chooseAndFit } from '../../common/models/candidate-families.ts';
import type { HeldOut } from '../../common/models/candidate-model.ts';
import { heldOutRows, rankHeldOut } from '../../common/models/held-out.ts';
import { type Bench, oneOf, parsed, required, wholeNumber } from './bench.ts';
import { type ItemLists, readItemLists } from './item-lists.ts';
import { eachInItsProcess, heartbeat, measured } from './report.ts';

const CUT_OFFS = [10, 20, 40];
const PATIENCE = 5;
const SEED = 1;

/** Scores of one measurement of the validation part, at most, but so many users at least. */
const MEASURED_SCORES = 1 << 26;
const USERS_MIN = 1000;
const THREADS = 2;

/** Candidate models on `train|valid|test.txt[.gz]`; settings and stopping by the validation part, train items masked. */
export const modelsBench: Bench = {
  usage: `--data DIR [--model NAME] [--seed N]   NAME: ${Object.keys(CANDIDATE_FAMILIES).join(' ')}`,
  async run(args, print) {
    const values = parsed(args, {
      data: { type: 'string' },
      model: { type: 'string' },
      seed: { type: 'string', default: String(SEED) },
    });
    const names = Object.keys(CANDIDATE_FAMILIES);
    const seed = wholeNumber(values.seed, 'seed');
    const folder = required(values.data, 'data');
    if (values.model === undefined) return eachInItsProcess('models', args, names, print);
    const model = oneOf(values.model, names, 'model');
    const lists = readItemLists(folder);
    await measured(print, { bench: 'models', model }, seed, () => measureModel(model, lists, seed));
  },
};

async function measureModel(name: string, lists: ItemLists, seed: number) {
  const { train, test } = lists;
  const heldOut = validation(lists, seed, heartbeat(`models: ${name}`));
  const run = { seed, threads: THREADS, ...(heldOut && { heldOut }) };
  const { model, settings, merits } = await chooseAndFit(CANDIDATE_FAMILIES[name], train, run);
  const means = await rankHeldOut(model, train, test, CUT_OFFS);
  const figures: Record<string, unknown> = {};
  means.forEach(({ recall, ndcg }, i) => {
    figures[`recall@${CUT_OFFS[i]}`] = recall;
    figures[`ndcg@${CUT_OFFS[i]}`] = ndcg;
  });
  return { ...figures, settings, validation: merits, ...model.findings };
}

/** NDCG@10 on the validation part; of a sample of its users where the catalogue is large, nothing where it is empty. */
function validation(
  { train, valid }: ItemLists,
  seed: number,
  hear: (step: string) => void,
): HeldOut | undefined {
  if (valid.columns.length === 0) return undefined;
  const rows = heldOutRows(valid, Math.max(USERS_MIN, Math.floor(MEASURED_SCORES / train.columnCount)), seed);
  return {
    merit: async (model) => {
      const [{ ndcg }] = await rankHeldOut(model, train, valid, [10], rows);
      hear(`NDCG@10 ${ndcg.toFixed(4)} on the validation part`);
      return ndcg;
    },
    patience: PATIENCE,
  };
}
