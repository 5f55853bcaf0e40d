import { expect, test } from 'vitest';
import { rootCall } from '../../common/rpc/call.ts';
import { Budget, Quality } from './budget.ts';
import { orchestratorSchema } from './config.ts';

const config = orchestratorSchema.parse({ deadlineMs: 1_000, reserveMs: 0 });

test('a stage gets its share of what is left, and what earlier ones left', () => {
  const budget = new Budget(rootCall(), config);
  const features = budget.shareMs('features');
  expect(features).toBeLessThanOrEqual(config.deadlineMs * 0.15);
  expect(budget.shareMs('reranking') / features).toBeCloseTo(1 / 0.15, 0);
});

test('a caller in a hurry gets less time, and the pace of stages is not judged by it', () => {
  const budget = new Budget(rootCall({ timeoutMs: 10 }), config);
  expect(budget.shareMs('ranking')).toBeLessThanOrEqual(10);
  expect(budget.paceMs('ranking')).toBeCloseTo(250);
  const quality = new Quality(0.1);
  quality.observe(budget.shareMs('ranking'), budget.paceMs('ranking'));
  expect(quality.value).toBe(1);
});

test('quality falls while a stage is slow, down to the least, and rises again slowly', () => {
  const quality = new Quality(0.5);
  quality.observe(70, 100);
  expect(quality.value).toBeCloseTo(0.8);
  for (let i = 0; i < 10; i++) quality.observe(100, 100);
  expect(quality.value).toBe(0.5);
  quality.observe(50, 100);
  expect(quality.value).toBe(0.5);
  quality.observe(10, 100);
  expect(quality.value).toBeGreaterThan(0.5);
  expect(quality.value).toBeLessThan(0.6);
  for (let i = 0; i < 100; i++) quality.observe(10, 100);
  expect(quality.value).toBe(1);
});
