import { type TallyJob, tallySlates } from './tally.ts';

/** A process that tallies the slates it is sent, one job at a time. */
process.on('message', (job: TallyJob) => {
  void tallySlates(job).then((tally) => process.send?.(tally));
});
