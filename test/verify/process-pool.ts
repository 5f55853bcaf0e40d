import { fork } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../common/root.ts';

const PROCESSES = 2;

/**
 * The results of all jobs in their order, from two processes of `dist/<worker>.worker.js`, which answers each message with one; `onDone`
 * hears of each. Needs the built proof.
 */
export async function runInProcesses<J, R>(
  worker: string,
  jobs: readonly J[],
  onDone: (done: number) => void,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    const child = fork(join(projectRoot, `dist/${worker}.worker.js`));
    try {
      while (next < jobs.length) {
        const at = next++;
        results[at] = await answerOf<J, R>(child, jobs[at]);
        onDone(++done);
      }
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return results;
}

function answerOf<J, R>(child: ReturnType<typeof fork>, job: J): Promise<R> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a worker ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (result) => {
      child.off('exit', ended);
      resolve(result as R);
    });
    child.send(job as object);
  });
}
