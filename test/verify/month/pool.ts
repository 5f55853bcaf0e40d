import { fork } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../../common/root.ts';
import { type PairFigures, type PairJob, runPair } from './run-pair.ts';

const PROCESSES = 2;

/** The figures of all jobs in their order, from two processes; `onDone` hears of each. Needs the built proof. */
export async function runJobs(
  jobs: readonly PairJob[],
  onDone: (done: number) => void,
): Promise<PairFigures[]> {
  const results: PairFigures[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    const child = fork(join(projectRoot, 'dist/pair.worker.js'));
    try {
      while (next < jobs.length) {
        const at = next++;
        results[at] = await answerOf(child, jobs[at]);
        onDone(++done);
      }
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return results;
}

function answerOf(child: ReturnType<typeof fork>, job: PairJob): Promise<PairFigures> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a worker ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (figures) => {
      child.off('exit', ended);
      resolve(figures as PairFigures);
    });
    child.send(job);
  });
}

/** The same in this process, for a few. */
export async function runHere(jobs: readonly PairJob[]): Promise<PairFigures[]> {
  const results: PairFigures[] = [];
  for (const job of jobs) results.push(await runPair(job));
  return results;
}
