import { hostileMonthAudience, monthAudience } from '../../../services/simulator/parameters.ts';
import { FULL, GREEDY } from './policies.ts';
import { type MonthFigures, simulateMonth } from './simulation.ts';
import { StagePolicy } from './slate-policy.ts';

export const SETTINGS = { month: monthAudience, hostile: hostileMonthAudience } as const;
export type SettingName = keyof typeof SETTINGS;

/** One seed in one setting. */
export interface PairJob {
  readonly setting: SettingName;
  readonly seed: number;
  readonly days: number;
}

/** Both policies in the same world, met by the same luck. */
export interface PairFigures extends PairJob {
  readonly greedy: MonthFigures;
  readonly full: MonthFigures;
}

export async function runPair(job: PairJob): Promise<PairFigures> {
  const { setting, seed, days } = job;
  const [greedy, full] = [
    await simulateMonth(SETTINGS[setting], seed, (world) => new StagePolicy(world, GREEDY), days),
    await simulateMonth(SETTINGS[setting], seed, (world) => new StagePolicy(world, FULL), days),
  ];
  return { ...job, greedy, full };
}
