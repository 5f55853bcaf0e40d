import { type Bench, oneOf, parsed, wholeNumber } from './bench.ts';
import { backfillPart } from './memory-backfill.ts';
import { lakePart } from './memory-lake.ts';
import { memoryHome } from './memory-log.ts';
import { matrixPart } from './memory-matrix.ts';
import { eachInItsProcess, measured } from './report.ts';

/** Figures of one part, over a home that `memoryHome` made. */
type Part = (home: string, events: number) => Promise<Readonly<Record<string, unknown>>>;

const PARTS: Readonly<Record<string, Part>> = {
  lake: lakePart,
  matrix: matrixPart,
  backfill: backfillPart,
};
const NAMES = Object.keys(PARTS);

export const memoryBench: Bench = {
  usage: `[--events N] [--seed N] [--part ${NAMES.join('|')}]`,
  async run(args, print) {
    const options = parsed(args, {
      events: { type: 'string', default: '5000000' },
      seed: { type: 'string', default: '1' },
      part: { type: 'string' },
    });
    const events = wholeNumber(options.events, 'events', 1);
    const seed = wholeNumber(options.seed, 'seed');
    const home = await memoryHome(events, seed);
    if (options.part === undefined) {
      eachInItsProcess('memory', args, NAMES, print, 'part');
      return;
    }
    const part = oneOf(options.part, NAMES, 'part');
    await measured(print, { part, events }, seed, () => PARTS[part](home, events));
  },
};
