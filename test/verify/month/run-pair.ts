import { hostileMonthAudience, monthAudience } from '../../../services/simulator/parameters.ts';
import { FULL, GREEDY } from './policies.ts';
import { type MonthFigures, simulateMonth } from './simulation.ts';
import { StagePolicy } from './stage-policy.ts';

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

export function runPair(job: PairJob): PairFigures {
  const { setting, seed, days } = job;
  const [greedy, full] = [
    simulateMonth(SETTINGS[setting], seed, (world) => new StagePolicy(world, GREEDY), days),
    simulateMonth(SETTINGS[setting], seed, (world) => new StagePolicy(world, FULL), days),
  ];
  return { ...job, greedy, full };
}
