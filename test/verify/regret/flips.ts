import { normalEstimate } from '../../../common/ope/policy-value.ts';
import { tableLines } from '../../../services/cli/table.ts';
import type { Bandit, BanditSettings } from '../../../services/reranking/bandits/bandit.ts';
import { openBandit } from '../../../services/reranking/bandits/table.ts';
import { runInProcesses } from '../process-pool.ts';
import type { ProofOptions } from '../proof.ts';
import { type LinearProblem, linearRegret } from './linear-problem.ts';

const ROUNDS = 10_000;
const PHASES = ['before', 'after'] as const;
const RATIO_MAX = 1.2;
/** Half-lives of the ensemble's members. */
export const MEMBERS = [500, 5_000, Number.POSITIVE_INFINITY] as const;
const SEEDS_SHORT = 2;
/** Ways of breaking the ensemble: the half-life that all its members get. */
export const ALL_ALIKE: Readonly<Record<string, number>> = {
  'short-memory': MEMBERS[0],
  'long-memory': MEMBERS[2],
};
/** Parts of the work after which the full proof says how far it is. */
const REPORTS = 8;

/** A problem, and on how many seeds it is posed: arms that are themselves in every round differ much from seed to seed. */
interface FlipProblem extends LinearProblem {
  readonly seeds: number;
}

const contextual = { base: 0.5, scale: 0.3, fixedArms: false, seeds: 16 } as const;
export const PROBLEMS: readonly FlipProblem[] = [
  { ...contextual, name: 'opposite taste', dimensions: 8, arms: 10, flip: 'opposite' },
  { ...contextual, name: 'another taste', dimensions: 6, arms: 20, flip: 'another' },
  { ...contextual, name: 'rare rewards', dimensions: 8, arms: 10, base: 0.1, scale: 0.08, flip: 'opposite' },
  { ...contextual, name: 'fixed arms', dimensions: 5, arms: 5, flip: 'another', fixedArms: true, seeds: 64 },
];

/** A problem on a seed. */
export interface FlipJob {
  /** Index into `PROBLEMS`. */
  readonly problem: number;
  readonly seed: number;
  readonly broken: string | undefined;
}

/** Regret by phase: of each member alone, then of the ensemble. */
type FlipRegrets = readonly (readonly number[])[];

export function runFlip({ problem: index, seed, broken }: FlipJob): FlipRegrets {
  const problem = PROBLEMS[index];
  const only = broken === undefined ? undefined : ALL_ALIKE[broken];
  const members = MEMBERS.map((halfLife) => only ?? halfLife);
  const settings: Omit<BanditSettings, 'halfLife'> = { dimensions: problem.dimensions, epsilon: 0, members };
  const alone = MEMBERS.map((halfLife) => openBandit('linear-thompson', { ...settings, halfLife }));
  const ensemble = openBandit('ensemble', { ...settings, halfLife: MEMBERS[0] });
  const run = { phases: PHASES.length, rounds: ROUNDS, seed };
  return [...alone, ensemble].map((bandit: Bandit) => linearRegret(problem, bandit, run).phases);
}

/**
 * Whether the ensemble's mean regret is near the best member's before and after a change of taste. The members run alone, on the same
 * seeds. Prints the ratios with their 95% intervals.
 */
export async function verifyFlips(
  { short, broken, print }: ProofOptions,
  firstSeed: number,
): Promise<boolean> {
  const posed = short ? PROBLEMS.slice(0, 1) : PROBLEMS;
  const jobs = posed.flatMap(({ seeds }, problem) =>
    Array.from(
      { length: short ? SEEDS_SHORT : seeds },
      (_, i): FlipJob => ({ problem, seed: firstSeed + i, broken }),
    ),
  );
  const every = Math.ceil(jobs.length / REPORTS);
  const progress = (done: number): void => {
    if (done % every === 0) print(`  ${done} of ${jobs.length} runs`);
  };
  const regrets = short
    ? jobs.map(runFlip)
    : await runInProcesses<FlipJob, FlipRegrets>('flip', jobs, progress);
  const rows = posed.flatMap(({ name }, index) => {
    const own = regrets.filter((_, at) => jobs[at].problem === index);
    return PHASES.map((_, phase) => rowOf(name, phase, own));
  });
  const titles = ['phase', ...MEMBERS.map(String), 'ensemble', 'of the best', '95%', 'seeds'];
  const columns = [{ title: 'problem' }, ...titles.map((title) => ({ title, align: 'right' as const }))];
  print(`regret of ${ROUNDS} rounds before and after a change of taste, seeds from ${firstSeed}`);
  for (const line of tableLines(
    columns,
    rows.map(({ cells }) => cells),
  ))
    print(line);
  const highest = Math.max(...rows.map(({ ratio }) => ratio));
  print(`the ensemble has at most ${highest.toFixed(2)} of the best member's regret (bar ${RATIO_MAX})`);
  return highest <= RATIO_MAX;
}

/** A phase of a problem, over seeds: the best member is that of the least mean. */
function rowOf(
  name: string,
  phase: number,
  regrets: readonly FlipRegrets[],
): { cells: string[]; ratio: number } {
  const samples = [...MEMBERS, 'ensemble'].map((_, who) => regrets.map((of) => of[who][phase]));
  const means = samples.map((sample) => sample.reduce((a, b) => a + b, 0) / sample.length);
  const best = means.indexOf(Math.min(...means.slice(0, MEMBERS.length)));
  const { value, normal } = normalEstimate({
    numerators: Float64Array.from(samples[MEMBERS.length]),
    denominators: Float64Array.from(samples[best]),
    effectiveRounds: regrets.length,
  });
  const interval = `${normal.low.toFixed(2)}–${normal.high.toFixed(2)}`;
  const figures = means.map((mean) => mean.toFixed(1));
  return {
    cells: [name, PHASES[phase], ...figures, value.toFixed(2), interval, `${regrets.length}`],
    ratio: value,
  };
}
