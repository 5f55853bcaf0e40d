import { expect, it } from 'vitest';
import { packArrays, unpackArrays } from '../../../common/arrays.ts';
import { Random } from '../../../common/random.ts';
import type { Arms, Bandit } from './bandit.ts';
import { armAt } from './distributions.ts';
import { LinearPosterior } from './linear-posterior.ts';
import { LinearThompson } from './linear-thompson.ts';
import { banditSource, openBandit } from './table.ts';

const DIMENSIONS = 4;
const ARMS = 6;
const MEMBERS = [200, Number.POSITIVE_INFINITY];
const SEED = 31;
const settings = { dimensions: DIMENSIONS, halfLife: 200, epsilon: 0, members: MEMBERS };

/** A world in which arms are worth what their second value says, until it turns over. */
function world(bandit: Bandit, seed: number): { play(rounds: number, sign: number): void; arms(): Arms } {
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const out = new Float64Array(ARMS);
  const arms = (): Arms => {
    const contexts = Float32Array.from({ length: ARMS * DIMENSIONS }, (_, i) =>
      i % DIMENSIONS === 0 ? 1 : random.next() - 0.5,
    );
    return { count: ARMS, ids: Array.from(out, (_, arm) => `${arm}`), contexts };
  };
  const play = (rounds: number, sign: number): void => {
    for (let round = 0; round < rounds; round++) {
      const offered = arms();
      bandit.policy(offered, random, out);
      const chosen = armAt(out, random.next());
      const value = 0.5 + 0.6 * sign * offered.contexts[chosen * DIMENSIONS + 1];
      const reward = random.next() < value ? 1 : 0;
      bandit.learn({ arms: offered, chosen, probability: out[chosen], reward }, random);
    }
  };
  return { play, arms };
}

/** A bandit made of what another one saved. */
function restored(bandit: Bandit): Bandit {
  const { meta, arrays } = bandit.save();
  return openBandit(
    'ensemble',
    settings,
    banditSource(unpackArrays(packArrays('t', {}, arrays), 't'), '', meta),
  );
}

it("an ensemble's odds are those of its members by their weights, and sum to 1", () => {
  const ensemble = openBandit('ensemble', settings);
  const { play, arms } = world(ensemble, SEED);
  play(500, 1);
  const { arrays } = ensemble.save();
  const offered = arms();
  const odds = new Float64Array(ARMS);
  ensemble.policy(offered, new Random(5), odds);
  const expected = new Float64Array(ARMS);
  for (const [m, halfLife] of MEMBERS.entries()) {
    const own = new Float64Array(ARMS);
    const posterior = new LinearPosterior(DIMENSIONS, halfLife, arrays[`sums${m}`]);
    new LinearThompson(posterior).policy(offered, new Random(5), own);
    for (let arm = 0; arm < ARMS; arm++) expected[arm] += (ensemble.weights?.[m] ?? 0) * own[arm];
  }
  for (let arm = 0; arm < ARMS; arm++) expect(odds[arm]).toBeCloseTo(expected[arm], 12);
  expect(odds.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(new Set(odds).size).toBeGreaterThan(1);
});

it('made of what was saved it has the same weights, and goes on alike', () => {
  const ensemble = openBandit('ensemble', settings);
  world(ensemble, SEED).play(300, 1);
  const again = restored(ensemble);
  expect(again.weights).toEqual(ensemble.weights);
  for (const bandit of [ensemble, again]) world(bandit, SEED + 1).play(50, -1);
  expect(again.save()).toEqual(ensemble.save());
});

it('weight is with the long memory while a taste lasts, with the short one when it turned, and with the long one again', () => {
  const ensemble = openBandit('ensemble', settings);
  const { play } = world(ensemble, SEED);
  const short = (): number => ensemble.weights?.[0] ?? 0;
  play(2_000, 1);
  expect(short()).toBeLessThan(0.1);
  expect(short()).toBeGreaterThan(0.001);
  play(400, -1);
  expect(short()).toBeGreaterThan(0.95);
  play(8_000, -1);
  expect(short()).toBeLessThan(0.1);
});

it('an arm that a change made the best is found, though nothing but itself tells of it and nobody chose it', () => {
  console.log(`seed ${SEED}`);
  const random = new Random(SEED);
  const ensemble = openBandit('ensemble', settings);
  const contexts = Float32Array.of(1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1);
  const arms: Arms = { count: 3, ids: ['a', 'b', 'c'], contexts };
  const odds = new Float64Array(3);
  const play = (rounds: number, values: readonly number[]): number => {
    let last = 0;
    for (let round = 0; round < rounds; round++) {
      ensemble.policy(arms, random, odds);
      const chosen = armAt(odds, random.next());
      const reward = random.next() < values[chosen] ? 1 : 0;
      ensemble.learn({ arms, chosen, probability: odds[chosen], reward }, random);
      last += chosen === 2 ? 1 : 0;
    }
    return last / rounds;
  };
  expect(play(8_000, [0.8, 0.3, 0.3])).toBeLessThan(0.02);
  play(1_000, [0.65, 0.3, 0.8]);
  expect(play(1_000, [0.65, 0.3, 0.8])).toBeGreaterThan(0.8);
});
