import { runInProcesses } from '../process-pool.ts';
import { type PairFigures, type PairJob, runPair } from './run-pair.ts';

/** The figures of all jobs in their order, from two processes; `onDone` hears of each. Needs the built proof. */
export function runJobs(jobs: readonly PairJob[], onDone: (done: number) => void): Promise<PairFigures[]> {
  return runInProcesses('pair', jobs, onDone);
}

/** The same in this process, for a few. */
export async function runHere(jobs: readonly PairJob[]): Promise<PairFigures[]> {
  const results: PairFigures[] = [];
  for (const job of jobs) results.push(await runPair(job));
  return results;
}
