import { expect, it } from 'vitest';
import { rerankingBench } from './reranking.ts';

it('says what each part of re-ranking and the whole stage take', async () => {
  const lines: Record<string, unknown>[] = [];
  await rerankingBench.run(['--calls', '20'], (line) => lines.push(JSON.parse(line)));
  expect(lines.map(({ part }) => part)).toEqual(
    expect.arrayContaining(['rules', 'objectives', 'similarity', 'selection', 'model', 'slate', 'all']),
  );
  for (const { cpuUsP50 } of lines) expect(cpuUsP50).toBeGreaterThan(0);
});
