import { describe, expect, test } from 'vitest';
import { PrivacyAccount, type PrivacyLoss, rhoOf } from './accountant.ts';
import { gaussianDelta } from './gaussian-mechanism.ts';
import { noiseMechanism } from './mechanisms.ts';
import { discreteLaplaceProbability } from './noise-laws.ts';
import { partitionSelection } from './partition-selection.ts';
import { type Ratio, ratioAtLeast } from './ratio.ts';

const DELTAS = [1e-3, 1e-6, 1e-9];

function accountOf(losses: readonly PrivacyLoss[]): PrivacyAccount {
  const account = new PrivacyAccount();
  for (const loss of losses) account.add(loss);
  return account;
}

/** The ε at which a δ that falls with ε is reached. */
function epsilonWhere(delta: number, deltaAt: (epsilon: number) => number): number {
  if (deltaAt(0) <= delta) return 0;
  let [low, high] = [0, 1_000];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (deltaAt(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** Rényi divergence by the textbook (Mironov 2017), its least ε over a fine grid of orders. */
function textbookEpsilon(delta: number, divergence: (order: number) => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let order = 1.0001; order < 1e6; order *= 1.002)
    least = Math.min(least, divergence(order) - Math.log(delta) / (order - 1));
  return least;
}

const gaussian = (rho: number): PrivacyLoss => ({ pure: [], rho, delta: 0 });
const pure = (epsilon: number, times = 1): PrivacyLoss => ({ pure: [{ epsilon, times }], rho: 0, delta: 0 });

describe.each(DELTAS)('at δ = %d', (delta) => {
  test.each([0.3, 1, 2, 5, 30])(
    'Gaussians of σ = %d, one and composed, cost no less than exactly',
    (sigma) => {
      for (const times of [1, 2, 10, 100]) {
        const account = accountOf(Array.from({ length: times }, () => gaussian(1 / (2 * sigma * sigma))));
        const exact = epsilonWhere(delta, (epsilon) => gaussianDelta(sigma, Math.sqrt(times), epsilon));
        const claimed = account.epsilon(delta);
        expect(claimed).toBeGreaterThanOrEqual(exact);
        const textbook = textbookEpsilon(delta, (order) => (order * times) / (2 * sigma * sigma));
        expect(claimed).toBeLessThanOrEqual(textbook);
      }
    },
  );

  test.each([0.01, 0.1, 1, 3])('a Laplace query of ε = %d costs between its exact loss and ε', (epsilon) => {
    for (const sensitivity of [1, 2, 7]) {
      const mechanism = noiseMechanism('laplace', { parts: 1, each: sensitivity }, { epsilon, delta: 0 });
      const scale = ratioAtLeast(sensitivity / epsilon);
      const exact = epsilonWhere(delta, (at) => hockeyStick(scale, sensitivity, at));
      const claimed = accountOf([mechanism.loss]).epsilon(delta);
      expect(claimed).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
      expect(claimed).toBeLessThanOrEqual(epsilon);
    }
  });

  test('many pure queries cost less than their sum, and no more than the textbook has it', () => {
    for (const [epsilon, times] of [
      [0.1, 1],
      [0.1, 50],
      [0.01, 1_000],
      [1, 8],
    ]) {
      const claimed = accountOf(Array.from({ length: times }, () => pure(epsilon))).epsilon(delta);
      const textbook = textbookEpsilon(
        delta,
        (order) => times * Math.min(epsilon, (order * epsilon ** 2) / 2),
      );
      expect(claimed).toBeLessThanOrEqual(Math.min(textbook, epsilon * times * (1 + 1e-12)));
      const exact = epsilonWhere(delta, (at) => responses(epsilon, times, at));
      expect(claimed).toBeGreaterThanOrEqual(exact);
    }
  });

  test('a query by Gaussian noise may be asked once on a budget of its own ε and δ', () => {
    for (const epsilon of [0.01, 0.5, 1, 10]) {
      const { loss } = noiseMechanism('gaussian', { parts: 3, each: 2 }, { epsilon, delta });
      const account = accountOf([loss]);
      expect(account.epsilon(delta)).toBeLessThanOrEqual(epsilon);
      expect(account.epsilon(delta)).toBeGreaterThan(0.999 * epsilon);
      expect(account.epsilon(delta, loss)).toBeGreaterThan(1.2 * epsilon);
    }
  });
});

/** δ of the discrete Laplace law moved by `shift`. */
function hockeyStick(scale: Ratio, shift: number, epsilon: number): number {
  const ratio = Math.exp(-scale.under / scale.over);
  const gain = (k: number): number =>
    Math.max(
      0,
      discreteLaplaceProbability(k, scale) - Math.exp(epsilon) * discreteLaplaceProbability(k - shift, scale),
    );
  let delta = gain(0) / (1 - ratio);
  for (let k = 1; k <= shift; k++) delta += gain(k);
  return delta;
}

/** δ of `times` binary randomised responses, which is exact (Kairouz, Oh, Viswanath 2015). */
function responses(each: number, times: number, epsilon: number): number {
  let [delta, logChoose] = [0, 0];
  for (let truths = times; truths >= 0; truths--) {
    const loss = (2 * truths - times) * each;
    const logHere = logChoose + truths * each - times * Math.log1p(Math.exp(each));
    if (loss > epsilon) delta += Math.exp(logHere) * -Math.expm1(epsilon - loss);
    logChoose += Math.log(truths) - Math.log(times - truths + 1);
  }
  return delta;
}

test('deltas add up, and what δ does not allow costs infinitely much', () => {
  const account = accountOf([{ pure: [{ epsilon: 0.5, times: 2 }], rho: 0, delta: 1e-6 }]);
  expect(account.epsilon(1e-6)).toBe(1);
  expect(account.epsilon(0.9e-6)).toBe(Number.POSITIVE_INFINITY);
  expect(account.epsilon(1e-3)).toBeLessThan(1);
  account.add(gaussian(0.1));
  expect(account.epsilon(1e-6)).toBe(Number.POSITIVE_INFINITY);
  expect(account.delta).toBe(1e-6);
});

test('tiny losses do not vanish', () => {
  for (const epsilon of [1e-3, 1e-5, 1e-7]) {
    const many = Math.round(1 / (epsilon * epsilon));
    expect(accountOf([pure(epsilon, many)]).epsilon(1e-6)).toBeGreaterThan(4.4);
    expect(accountOf([pure(epsilon, many)]).epsilon(1e-6)).toBeLessThan(5.8);
  }
  expect(rhoOf(1, 1e-6)).toBeGreaterThan(rhoOf(0.5, 1e-6));
});

test('a group of one user is named with probability δ at most, one that is large always', () => {
  for (const [epsilon, delta, parts] of [
    [1, 1e-6, 1],
    [0.2, 1e-8, 5],
    [3, 1e-3, 2],
  ]) {
    const selection = partitionSelection(epsilon, delta, parts);
    const [each, k] = [selection.loss.pure[0].epsilon, (selection.usersSure - 1) / 2];
    const weights = Array.from({ length: 2 * k + 1 }, (_, i) => Math.exp(-each * Math.abs(i - k)));
    const named = weights[0] / weights.reduce((sum, weight) => sum + weight, 0);
    expect(named).toBeLessThanOrEqual(delta / parts);
    expect(named * Math.exp(each)).toBeGreaterThan(delta / parts);
    expect(selection.loss.delta).toBe(delta);
    expect(each * parts).toBeLessThanOrEqual(epsilon);
  }
});
