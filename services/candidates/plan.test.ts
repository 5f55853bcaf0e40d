import { expect, test } from 'vitest';
import { type PlanContext, plan } from './plan.ts';
import type { OpenSource } from './sources/table.ts';

const silent = { retrieve: () => {} };
const sources: OpenSource[] = [
  { name: 'ials', personal: true, quota: 300, weight: 1, source: silent },
  { name: 'bm25', personal: true, quota: 100, weight: 1, source: silent },
  { name: 'popularity', personal: false, quota: 150, weight: 1, source: silent },
  { name: 'fresh', personal: false, quota: 30, weight: 1, source: silent },
];

function quotas(context: Partial<PlanContext>): Record<string, number> {
  const whole = { positives: 100, seeded: false, names: [], quality: 1, ...context };
  return Object.fromEntries(plan(sources, whole).map(({ asked: { name }, quota }) => [name, quota]));
}

test('personal sources phase in over ten positives, popularity fills the rest', () => {
  expect(quotas({ positives: 0 })).toEqual({ popularity: 550, fresh: 30 });
  expect(quotas({ positives: 1 })).toEqual({ ials: 30, bm25: 10, popularity: 510, fresh: 30 });
  expect(quotas({ positives: 5 })).toEqual({ ials: 150, bm25: 50, popularity: 350, fresh: 30 });
  const warm = { ials: 300, bm25: 100, popularity: 150, fresh: 30 };
  expect(quotas({ positives: 10 })).toEqual(warm);
  expect(quotas({ positives: 500 })).toEqual(warm);
});

test('quality scales every quota, to no less than one', () => {
  expect(quotas({ quality: 0.5 })).toEqual({ ials: 150, bm25: 50, popularity: 75, fresh: 15 });
  expect(quotas({ quality: 0.001 })).toEqual({ ials: 1, bm25: 1, popularity: 1, fresh: 1 });
});

test('only the sources named are asked, and whole where popularity is not there to fill', () => {
  expect(quotas({ names: ['bm25'], positives: 0 })).toEqual({ bm25: 100 });
  expect(quotas({ names: ['bm25', 'popularity'], positives: 2 })).toEqual({ bm25: 20, popularity: 230 });
});

test('seeds go to personal sources alone unless others are named', () => {
  expect(quotas({ seeded: true, positives: 0 })).toEqual({ ials: 300, bm25: 100 });
  expect(quotas({ seeded: true, positives: 0, names: ['popularity'] })).toEqual({ popularity: 150 });
});
