import { tableLines } from '../../../services/cli/table.ts';
import { verifyIpsCoverage } from '../ips-coverage.ts';
import { runInProcesses } from '../process-pool.ts';
import type { Proof } from '../proof.ts';
import {
  addTally,
  BREAKS,
  type Cell,
  DECILES,
  emptyTally,
  type Tally,
  type TallyJob,
  tallySlates,
} from './tally.ts';
import { MODES, SLATE } from './world.ts';

const SLATES = 1_000_000;
const SLATES_SHORT = 3_000;
const JOB_SLATES = 10_000;
const DEVIATIONS_MAX = 4;
/** Cells of less variance than this say nothing: a normal law does not hold for them. */
const VARIANCE_MIN = 10;

/**
 * Every recorded probability is the one that things were drawn with: over all eligible arms, by slot and decile of probability, what was
 * shown is within four standard deviations of what was to be expected, and where nothing was drawn the propensity is 1. Asked of the real
 * stage with frozen posteriors, for drawn slots, drawn policies and both, with pins and caps. `--break seeds`: requests share seeds;
 * `--break taken-away`: some items are removed after they were drawn. In full, `verifyIpsCoverage` follows: that intervals made from
 * such probabilities keep their word.
 */
export const verifyPropensities: Proof = async ({ short, broken, print }) => {
  if (broken !== undefined && !BREAKS.some((way) => way === broken)) {
    print(`no way to break it is called ${broken}; there are ${BREAKS.join(', ')}`);
    return false;
  }
  const jobs = jobsOf(short ? SLATES_SHORT : SLATES, broken);
  const tallies = short
    ? await here(jobs)
    : await runInProcesses<TallyJob, Tally>('tally', jobs, (done) => progress(done, jobs.length));
  const sums = MODES.map((mode) => {
    const sum = emptyTally(mode);
    for (const tally of tallies) if (tally.mode === mode) addTally(sum, tally);
    return sum;
  });
  const rows = sums.flatMap(rowsOf);
  const right = 'right' as const;
  const columns = ['drawn', 'slot', 'probability', 'arms', 'shown', 'expected', 'deviations'];
  for (const line of tableLines(
    columns.map((title) => ({ title, align: right })),
    rows.map(({ cells }) => cells),
  ))
    print(line);
  for (const { mode, slates, deterministic, wrong } of sums)
    print(
      `${mode}: ${slates} slates, ${deterministic} slots that nothing was drawn for, ${wrong} propensities that are none`,
    );
  const largest = Math.max(...rows.map(({ deviations }) => deviations));
  print(
    `the largest deviation is ${largest.toFixed(2)} (below ${DEVIATIONS_MAX}), over ${rows.length} cells`,
  );
  const holds = largest < DEVIATIONS_MAX && sums.every(({ wrong }) => wrong === 0);
  if (short || broken !== undefined) return holds;
  print('');
  return (await verifyIpsCoverage({ short, print })) && holds;
};

function jobsOf(slates: number, broken: string | undefined): TallyJob[] {
  const each = Math.ceil(slates / MODES.length);
  return MODES.flatMap((mode) =>
    Array.from({ length: Math.ceil(each / JOB_SLATES) }, (_, i) => {
      const from = i * JOB_SLATES;
      return { mode, from, to: Math.min(each, from + JOB_SLATES), broken };
    }),
  );
}

async function here(jobs: readonly TallyJob[]): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (const job of jobs) tallies.push(await tallySlates(job));
  return tallies;
}

function progress(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of} portions${done === of ? '\n' : ''}`);
}

function rowsOf({ mode, cells }: Tally): { cells: string[]; deviations: number }[] {
  return cells.flatMap((deciles, slot) =>
    deciles.flatMap((cell, decile) => {
      if (cell.variance < VARIANCE_MIN) return [];
      const deviations = deviationsOf(cell);
      const texts = [
        mode,
        slot === SLATE ? 'policy' : String(slot + 1),
        `${decile / DECILES}–${(decile + 1) / DECILES}`,
        String(cell.arms),
        String(cell.shown),
        cell.expected.toFixed(1),
        deviations.toFixed(2),
      ];
      return [{ cells: texts, deviations }];
    }),
  );
}

function deviationsOf({ shown, expected, variance }: Cell): number {
  return Math.abs(shown - expected) / Math.sqrt(variance);
}
