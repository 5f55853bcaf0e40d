import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../common/root.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { valueCampaigns } from './campaigns.ts';
import { readOpenBandit } from './open-bandit.ts';

const DATA = resolve(projectRoot, process.env.MILLRACE_SHARED ?? '../shared', 'data/obd');
/** A fifth of what the command draws. */
const DRAWS = 20_000;
/** Half a unit of the last figure published, and as much for the chance of either simulation. */
const ROUNDING = 1e-4;
const absent = !existsSync(DATA);

test.skipIf(absent)(
  `Thompson sampling on the Open Bandit Dataset's uniform logs is valued as its README says${absent ? ` (skipped: no ${DATA}; set MILLRACE_SHARED)` : ''}`,
  () => {
    const published = { men: { ips: 0.0045, error: 0.0012 }, women: { ips: 0.0068, error: 0.0019 } };
    const onPolicy = { men: 0.0069, women: 0.0046 };
    const valuations = valueCampaigns(DATA, DRAWS);
    expect(valuations.map(({ policy }) => policy).sort()).toEqual(['men', 'women']);
    for (const { policy, valuation, onPolicy: own } of valuations) {
      const expected = published[policy as keyof typeof published];
      expect(Math.abs(valuation.overlap.meanWeight - 1)).toBeLessThan(0.03);
      expect(valuation.overlap.unsupported).toBe(0);
      const by = new Map(valuation.values.map((value) => [value.estimator, value]));
      const { value, standardError } = by.get('ips')!;
      expect(Math.abs(value - expected.ips)).toBeLessThan(ROUNDING);
      expect(Math.abs(standardError - expected.error)).toBeLessThan(ROUNDING);
      for (const name of ['snips', 'dr', 'clipped-ips'] as const)
        expect(Math.abs(by.get(name)!.value - expected.ips), name).toBeLessThan(expected.error / 4);
      for (const name of ['replay', 'dm'] as const)
        expect(Math.abs(by.get(name)!.value - expected.ips), name).toBeLessThan(
          3 * by.get('replay')!.standardError,
        );
      expect(own!.value).toBeCloseTo(onPolicy[policy as keyof typeof onPolicy], 10);
    }
  },
);

test('a damaged data set is refused with the file and line', async () => {
  await using folder = await temporaryHome();
  const { home } = folder;
  expect(() => readOpenBandit(home)).toThrow(`${join(home, 'prior_bts.yaml')}: there is no such file`);
  writeFileSync(join(home, 'prior_bts.yaml'), 'men:\n  alpha: [1, 2]\n  beta: [3]\n');
  expect(() => readOpenBandit(home)).toThrow('alpha and beta differ in length');
  writeFileSync(join(home, 'prior_bts.yaml'), 'men:\n  alpha: [1, 2]\n  beta: [3, 4]\n');
  expect(() => readOpenBandit(home)).toThrow('holds no campaign');
  for (const policy of ['random', 'bts']) mkdirSync(join(home, policy));
  const [file, other] = ['random', 'bts'].map((policy) => join(home, policy, 'men.csv'));
  const rows = (row: string): string => `item_id,position,click,propensity_score\n1,3,0,0.5\n${row}\n`;
  const faults: readonly (readonly [row: string, what: string])[] = [
    ['2,1,0,0.5', `${file}:3: item_id: not in [0, 2)`],
    ['1,4,0,0.5', `${file}:3: position: not 1, 2 or 3`],
    ['1,1,2,0.5', `${file}:3: click: not 0 or 1`],
    ['1,1,0,0', `${file}:3: propensity_score: not in (0, 1]`],
    ['1,1,0', `${file}:3: propensity_score: not in (0, 1]`],
  ];
  for (const [row, what] of faults) {
    writeFileSync(file, rows(row));
    expect(() => readOpenBandit(home)).toThrow(what);
  }
  writeFileSync(file, 'item_id,position,click,propensity_score\n');
  expect(() => readOpenBandit(home)).toThrow(`${file}: there are no rows under the header`);
  writeFileSync(file, 'item_id,position,click\n1,3,0\n');
  expect(() => readOpenBandit(home)).toThrow(`${file}:1: there is no column propensity_score`);
  writeFileSync(file, rows('0,1,1,0.5'));
  expect(() => readOpenBandit(home)).toThrow(`${other}: there is no such file`);
  copyFileSync(file, other);
  expect(readOpenBandit(home)[0].random.clicks).toEqual(Float64Array.of(0, 1));
  rmSync(file);
  writeFileSync(`${file}.gz`, gzipSync(rows('0,1,1,0.5')).subarray(0, 30));
  expect(() => readOpenBandit(home)).toThrow(`${file}.gz: unexpected end of file`);
  writeFileSync(join(home, 'prior_bts.yaml'), 'men: [1,\n');
  expect(() => readOpenBandit(home)).toThrow(`${join(home, 'prior_bts.yaml')}: Flow sequence`);
});
