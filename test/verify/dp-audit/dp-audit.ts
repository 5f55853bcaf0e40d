import { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import type { Proof } from '../proof.ts';
import { answerPairs, type Fault } from './answer-pairs.ts';
import { epsilonAtLeast, type Pair } from './distinguish.ts';
import { mechanismPairs } from './mechanism-pairs.ts';

const CLAIM = { epsilon: 1, delta: 1e-6 };
const RUNS = 1_000_000;
const RUNS_SHORT = 10_000;
const FAULTS: readonly Fault[] = ['half-noise', 'no-bound', 'no-threshold'];
const SHORT_SEED = 1;

/**
 * Tries to tell neighbouring logs apart by the answers of every mechanism and of whole queries, and bounds from below what was lost. The
 * promise holds if no bound exceeds the claim, and if the same audit finds each of three faults: half the noise, no bound
 * on what one user adds, no threshold below which groups are hidden. `--break FAULT` audits that fault as if it were none.
 */
export const verifyDpAudit: Proof = async ({ short, broken, print }) => {
  const noise = short ? new ExactNoise(seededBytes(SHORT_SEED)) : new ExactNoise();
  const runs = short ? RUNS_SHORT : RUNS;
  const fault = FAULTS.find((known) => known === broken);
  if (broken !== undefined && fault === undefined)
    throw new Error(`--break: ${broken} is none of ${FAULTS.join(', ')}`);
  print(
    `epsilon ${CLAIM.epsilon}, delta ${CLAIM.delta}; ${runs} runs a side to choose the event, as many to count it`,
  );
  const spent = fault === 'half-noise' ? 2 * CLAIM.epsilon : CLAIM.epsilon;
  const pairs = [...mechanismPairs(CLAIM, spent, noise), ...(await answerPairs(CLAIM, fault, noise))];
  const exceeding = audited(pairs, runs, print);
  if (fault !== undefined) return exceeding.length === 0;
  let found = 0;
  for (const each of FAULTS) {
    print(`with a fault, ${each}:`);
    const faulty = await answerPairs(CLAIM, each, noise);
    const caught = audited(faulty, Math.min(runs, RUNS / 10), print).length > 0;
    print(caught ? `  found: ${each}` : `  NOT FOUND: ${each}`);
    if (caught) found++;
  }
  return exceeding.length === 0 && found === FAULTS.length;
};

/** The pairs that lose more than they claim. */
function audited(pairs: readonly Pair[], runs: number, print: (line: string) => void): Pair[] {
  return pairs.filter((pair) => {
    const bound = epsilonAtLeast(pair, runs);
    const exceeds = bound >= pair.epsilon;
    print(`  ${pair.name.padEnd(46)} epsilon >= ${bound.toFixed(3)}${exceeds ? '  MORE THAN CLAIMED' : ''}`);
    return exceeds;
  });
}
