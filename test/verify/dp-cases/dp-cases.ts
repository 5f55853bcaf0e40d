import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import { roundToMultiple } from '../../../common/privacy/grid.ts';
import {
  countMechanism,
  MeanMechanism,
  type NoiseChoice,
  SumMechanism,
} from '../../../common/privacy/statistics.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import type { Proof, ProofOptions } from '../proof.ts';
import { parseText, type TextMessage } from './textproto.ts';

/** Draws one answer about a data set. */
type Sampler = () => number;

const KINDS = ['count', 'bounded_sum', 'bounded_mean'] as const;
type Kind = (typeof KINDS)[number];
/** Of the short form: one case in so many, one vote each, seeded as a single vote may go wrong. */
const SHORT_EVERY = 40;
const SHORT_SEED = 1;

/**
 * Google's statistical cases for counts, sums and means (differential-privacy library, `statistical_tests.proto`): as many samples of two
 * neighbouring data sets as the case says are put into buckets, δ is estimated both ways, and a majority of the votes must find
 * it within the case's tolerance. With `--break half-noise` ε is doubled where noise is drawn: cases must then fail.
 */
export const verifyDpCases: Proof = async (options) => {
  const folder = join(resolve(process.env.MILLRACE_SHARED ?? '../shared'), 'vectors/dp/google_textproto');
  if (!existsSync(folder)) throw new Error(`there is no ${folder}; set MILLRACE_SHARED`);
  const noise = options.short ? new ExactNoise(seededBytes(SHORT_SEED)) : new ExactNoise();
  let failed = 0;
  for (const kind of KINDS) {
    const file = parseText(readFileSync(join(folder, `${kind}_dp_test_cases.textproto`), 'utf8'));
    const all = file[`${kind}_dp_test_case`] as TextMessage[];
    const cases = options.short ? all.filter((_, i) => i % SHORT_EVERY === 0) : all;
    const votes = options.short ? 1 : numberOf(file.voting_parameters[0] as TextMessage, 'number_of_votes');
    const wrong: string[] = [];
    for (const each of cases)
      if (!isAccepted(kind, each, votes, noise, options)) wrong.push(String(each.name[0]));
    options.print(
      `${kind}: ${cases.length - wrong.length} of ${cases.length} cases accepted, majority of ${votes} votes`,
    );
    for (const name of wrong) options.print(`  refused: ${name}`);
    failed += wrong.length;
  }
  return failed === 0;
};

function isAccepted(
  kind: Kind,
  each: TextMessage,
  votes: number,
  noise: ExactNoise,
  { broken }: ProofOptions,
): boolean {
  const test = each.dp_test_parameters[0] as TextMessage;
  const sampling = each[`${kind}_sampling_parameters`][0] as TextMessage;
  const samplers = [
    samplerOf(kind, sampling, '', noise, broken),
    samplerOf(kind, sampling, 'neighbour_', noise, broken),
  ];
  let [accepted, refused] = [0, 0];
  while (2 * accepted <= votes && 2 * refused < votes) {
    const [here, there] = samplers.map((sampler) =>
      histogram(sampler, numberOf(sampling, 'number_of_samples'), numberOf(test, 'granularity', 1)),
    );
    const epsilon = numberOf(test, 'epsilon');
    const delta = Math.max(excess(here, there, epsilon), excess(there, here, epsilon));
    if (delta <= numberOf(test, 'delta') + numberOf(test, 'delta_tolerance')) accepted++;
    else refused++;
  }
  return accepted > refused;
}

function samplerOf(
  kind: Kind,
  sampling: TextMessage,
  side: '' | 'neighbour_',
  noise: ExactNoise,
  broken: string | undefined,
): Sampler {
  const contribution = {
    groups: numberOf(sampling, 'max_partitions_contributed'),
    perGroup: numberOf(sampling, 'max_contributions_per_partition', 1),
  };
  const choice: NoiseChoice = {
    kind: sampling.noise_type[0] === 'GAUSSIAN' ? 'gaussian' : 'laplace',
    epsilon: numberOf(sampling, 'epsilon') * (broken === 'half-noise' ? 2 : 1),
    delta: numberOf(sampling, 'delta', 0),
  };
  if (kind === 'count') {
    const mechanism = countMechanism(contribution, choice);
    const count = numbersOf(sampling, `${side}raw_increment_by`).reduce((sum, n) => sum + n, 0);
    return () => count + mechanism.draw(noise);
  }
  const bounds = { low: numberOf(sampling, 'lower_bound'), high: numberOf(sampling, 'upper_bound') };
  const entries = numbersOf(sampling, `${side}raw_entry`).map((x) =>
    Math.min(bounds.high, Math.max(bounds.low, x)),
  );
  if (kind === 'bounded_sum') {
    const mechanism = new SumMechanism(contribution, bounds, choice);
    const steps = entries.reduce((sum, entry) => sum + mechanism.steps(entry), 0);
    return () => mechanism.release(steps, noise);
  }
  const mechanism = new MeanMechanism(contribution, bounds, choice);
  const steps = entries.reduce((sum, entry) => sum + mechanism.sum.steps(entry - mechanism.middle), 0);
  return () => mechanism.release({ steps, count: entries.length }, noise).mean;
}

/** Samples by bucket; a bucket is what rounds to the same multiple of the granularity. */
function histogram(sampler: Sampler, samples: number, granularity: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < samples; i++) {
    const bucket = roundToMultiple(sampler(), granularity);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1 / samples);
  }
  return counts;
}

/** The estimated δ: how much more likely than e^ε times the other side buckets are, in sum. */
function excess(
  here: ReadonlyMap<number, number>,
  there: ReadonlyMap<number, number>,
  epsilon: number,
): number {
  let sum = 0;
  for (const [bucket, share] of here)
    sum += Math.max(0, share - Math.exp(epsilon) * (there.get(bucket) ?? 0));
  return sum;
}

function numbersOf(message: TextMessage, field: string): number[] {
  return (message[field] ?? []).map(Number);
}

function numberOf(message: TextMessage, field: string, absent?: number): number {
  const value = numbersOf(message, field)[0] ?? absent;
  if (value === undefined || Number.isNaN(value)) throw new Error(`${field} is missing`);
  return value;
}
