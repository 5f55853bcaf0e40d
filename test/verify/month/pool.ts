import { runInProcesses } from '../process-pool.ts';
import type { PairFigures, PairJob } from './run-pair.ts';

/** The figures of all jobs in their order, from two processes; `onDone` hears of each. Needs the built proof. */
export function runJobs(jobs: readonly PairJob[], onDone: (done: number) => void): Promise<PairFigures[]> {
  return runInProcesses('pair', jobs, onDone);
}
