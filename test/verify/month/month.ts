import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../common/root.ts';
import { monthParametersHash, monthProtocol } from '../../../services/simulator/parameters.ts';
import type { ProofOptions } from '../proof.ts';
import { monthChart } from './chart.ts';
import { figureLines, summarise } from './figures.ts';
import { runJobs } from './pool.ts';
import { type PairJob, runPair, SETTINGS, type SettingName } from './run-pair.ts';

/** Seeds of the proof; weights and budgets were chosen on others. */
const FIRST_SEED = 1;
const SEEDS = 20;
/** Too few days to show twice as much. */
const SHORT = { seeds: 1, days: 12, coverageFactor: 1.2 };
/** Where the drawing goes. */
const DRAWING = 'docs/month.svg';

/** Share of greedy relevance's reward that the full stage may lose where news is worth nothing. */
const HOSTILE_LOSS_MAX = 0.02;
const COVERAGE_FACTOR = 2;

/**
 * A simulated month: greedy relevance against the full re-ranking stage, on the same people, films and luck. From the day that
 * is compared on, the full stage's reward is no lower, its coverage at least twice as large and the long tail at its floor; in
 * the hostile setting it loses at most 2%. Rewards are expected clicks by the simulator's true probabilities.
 */
export async function verifyMonth({ short, print }: ProofOptions): Promise<boolean> {
  const { days, comparedFromDay, longTailFloor } = monthProtocol;
  const jobs: PairJob[] = (Object.keys(SETTINGS) as SettingName[]).flatMap((setting) =>
    Array.from({ length: short ? SHORT.seeds : SEEDS }, (_, i) => ({
      setting,
      seed: FIRST_SEED + i,
      days: short ? SHORT.days : days,
    })),
  );
  print(
    `parameters ${monthParametersHash()}; seeds ${FIRST_SEED} to ${jobs.at(-1)?.seed}; days ${comparedFromDay} to ${jobs[0].days} are compared`,
  );
  const pairs = short
    ? jobs.map(runPair)
    : await runJobs(jobs, (done) => {
        if (done % 4 === 0) print(`  ${done} of ${jobs.length} pairs of months`);
      });
  const [month, hostile] = (Object.keys(SETTINGS) as SettingName[]).map((setting) =>
    summarise(
      pairs.filter((pair) => pair.setting === setting),
      comparedFromDay,
    ),
  );
  for (const line of [...figureLines('month', month), ...figureLines('hostile', hostile)]) print(line);
  if (!short) {
    writeFileSync(join(projectRoot, DRAWING), monthChart(pairs.filter(({ setting }) => setting === 'month')));
    print(`drawn to ${DRAWING}`);
  }
  const factor = short ? SHORT.coverageFactor : COVERAGE_FACTOR;
  const promises: readonly (readonly [string, boolean])[] = [
    ['reward no lower', month.gain.mean >= 0],
    [`coverage at least ${factor} times as large`, month.coverageFactor.mean >= factor],
    [`the long tail at its floor of ${longTailFloor}`, month.full.longTail.mean >= longTailFloor],
    [
      `at most ${100 * HOSTILE_LOSS_MAX}% lost in the hostile setting`,
      hostile.gain.mean >= -HOSTILE_LOSS_MAX,
    ],
  ];
  for (const [promise, holds] of promises) print(`${holds ? 'holds' : 'BROKEN'}: ${promise}`);
  return promises.every(([, holds]) => holds);
}
