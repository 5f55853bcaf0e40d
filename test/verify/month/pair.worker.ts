import { type PairJob, runPair } from './run-pair.ts';

/** A process that simulates the pairs it is sent, one at a time. */
process.on('message', (job: PairJob) => {
  process.send?.(runPair(job));
});
