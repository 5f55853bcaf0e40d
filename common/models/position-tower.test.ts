import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import type { Examples } from './examples.ts';
import { fitLogistic, logisticDefaults } from './logistic.ts';
import type { PositionBias } from './position-tower.ts';

const ATTRACTION = [1, 1];
const BIAS = -1.5;
const SLOTS = 6;
const LISTS = 4_000;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * Lists put in order by the first feature alone, as a former ranker had them, and their clicks: the first feature looks better
 * than it is, since what it likes was looked at.
 */
function clickLog(clickRate: (logit: number, slot: number) => number): Examples & { positions: Uint32Array } {
  const random = new Random(21);
  const rows = LISTS * SLOTS;
  const features = new Float32Array(rows * 2);
  const labels = new Float32Array(rows);
  const positions = new Uint32Array(rows);
  for (let row = 0; row < rows; ) {
    const list = Array.from({ length: SLOTS }, () => [random.normal(), random.normal()]);
    list.sort((a, b) => b[0] - a[0]);
    list.forEach((item, slot) => {
      features.set(item, row * 2);
      positions[row] = slot;
      const logit = BIAS + ATTRACTION[0] * item[0] + ATTRACTION[1] * item[1];
      labels[row++] = Number(random.next() < clickRate(logit, slot));
    });
  }
  return { rows, width: 2, features, labels, positions };
}

/** Weights of the raw features and bias, as fitted. */
async function fitted(examples: Examples, positionBias?: PositionBias): Promise<number[]> {
  const options = { ...logisticDefaults, epochs: 20, batchSize: 1024 };
  const { layers, standardiser } = await fitLogistic(examples, {
    ...options,
    ...(positionBias && { positionBias }),
  });
  const [{ weights, bias }] = layers;
  const raw = [0, 1].map((i) => weights[i] * standardiser.inverseStd[i]);
  return [...raw, bias[0] - raw[0] * standardiser.mean[0] - raw[1] * standardiser.mean[1]];
}

function expectTruth([first, second, bias]: number[]): void {
  expect(Math.abs(first - ATTRACTION[0])).toBeLessThan(0.2);
  expect(Math.abs(second - ATTRACTION[1])).toBeLessThan(0.2);
  expect(Math.abs(bias - BIAS)).toBeLessThan(0.2);
}

describe('position bias', () => {
  it('is removed by inverse propensities of examination, where the naive model believes it', async () => {
    const propensities = Array.from({ length: SLOTS }, (_, slot) => (1 + slot) ** -0.7);
    const log = clickLog((logit, slot) => propensities[slot] * sigmoid(logit));
    const [first, second] = await fitted(log);
    expect(first - second).toBeGreaterThan(0.3);
    expectTruth(await fitted(log, { positions: log.positions, propensities }));
  });

  it('is removed by a position tower, which serving drops', async () => {
    const log = clickLog((logit, slot) => sigmoid(logit - 0.5 * slot));
    const [first, second] = await fitted(log);
    expect(first - second).toBeGreaterThan(0.3);
    expectTruth(await fitted(log, { positions: log.positions }));
  });

  it('changes nothing where all was shown in the first slot', async () => {
    const log = clickLog((logit) => sigmoid(logit));
    const positions = new Uint32Array(log.rows);
    expect(await fitted(log, { positions })).toEqual(await fitted(log));
  });
});
