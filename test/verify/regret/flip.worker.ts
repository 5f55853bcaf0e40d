import { type FlipJob, runFlip } from './flips.ts';

/** A process that runs the problems that it is sent, one at a time. */
process.on('message', (job: FlipJob) => {
  process.send?.(runFlip(job));
});
