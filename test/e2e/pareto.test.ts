import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../support/cli.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const TIMEOUT_MS = 120_000;

test('pareto sweeps weights, prints and draws the front, and writes policies of which one is chosen by name', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using folder = await temporaryHome();
  const { home } = folder;
  await makeTinyHome(home, { users: 40, items: 60 });
  const train = { candidates: ['item_to_item'], ranker: { model: 'linear' } };
  const config = join(home, 'millrace.yaml');
  await writeFile(config, JSON.stringify({ train, reranking: { weights: { relevance: 1 } } }));
  expect((await runCli(['train'], home)).code).toBe(0);

  const svg = join(home, 'front.svg');
  const sweep = ['pareto', '--aims', 'novelty,diversity', '--levels', '0,0.5,2', '--k', '8', '--svg', svg];
  const { code, stdout, stderr } = await runCli(sweep, home);
  expect([code, stderr]).toEqual([0, '']);
  const [titles, ...lines] = stdout.trimEnd().split('\n');
  expect(titles).toMatch(
    /^policy\s+weights beside relevance 1\s+ndcg@8\s+diversity\s+novelty\s+freshness\s+coverage\s+gini$/,
  );
  expect(lines.filter((line) => line.includes('balanced'))).toHaveLength(1);
  const points = lines.slice(0, -1).map((line) =>
    line
      .trimEnd()
      .split(/\s{2,}/)
      .slice(2)
      .map(Number),
  );
  const ndcgs = points.map(([ndcg]) => ndcg);
  expect(ndcgs).toEqual([...ndcgs].sort((a, b) => b - a));
  expect(Math.max(...points.map(([, , novelty]) => novelty))).toBeGreaterThan(points[0][2]);
  expect(lines.at(-1)).toMatch(/^\d of 9 policies are on the front; written to .*policies.yaml/);
  expect(await readFile(svg, 'utf8')).toContain('balanced');

  const { policies } = parse(await readFile(join(home, 'policies.yaml'), 'utf8'));
  expect(Object.keys(policies)).toEqual(expect.arrayContaining(['p1', 'balanced']));
  await writeFile(config, JSON.stringify({ train, reranking: { policy: 'balanced' } }));
  expect((await runCli(['evaluate', '--json'], home)).code).toBe(0);
  await writeFile(config, JSON.stringify({ train, reranking: { policy: 'p99' } }));
  const refused = await runCli(['evaluate'], home);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('reranking.policy: "p99" is none of default, ');
});

test('an aim that there is not is refused', { timeout: TIMEOUT_MS }, async () => {
  await using folder = await temporaryHome();
  const { code, stderr } = await runCli(['pareto', '--aims', 'fame'], folder.home);
  expect(code).not.toBe(0);
  expect(stderr).toContain('"fame" is none of diversity, novelty, freshness');
});
