import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { rerankingConfig } from './policies-file.ts';

/** The configuration of a home with these files. */
async function configured(files: Record<string, string>) {
  await using folder = await temporaryHome();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.home, name), text);
  return rerankingConfig(new ConfigSource({ MILLRACE_HOME: folder.home }));
}

it('policies come from policies.yaml, from the file that is named, and from the configuration, which goes before', async () => {
  const text = 'policies:\n  a: { weights: { novelty: 1 } }\n  b: { depth: 50 }\n';
  const inline = 'reranking:\n  policy: b\n  policies: { b: { depth: 60 } }\n';
  const { policies } = await configured({ 'policies.yaml': text, 'millrace.yaml': inline });
  expect(policies.a.weights?.novelty).toBe(1);
  expect(policies.b.depth).toBe(60);
  const named = await configured({ 'p.yaml': text, 'millrace.yaml': 'reranking: { policiesFile: p.yaml }' });
  expect(Object.keys(named.policies)).toEqual(['a', 'b']);
  expect((await configured({})).policies).toEqual({});
});

it.each([
  [
    'policies:\n  a:\n    weights: { novelty: 0 }',
    'policies.yaml:3:14: policies.a.weights: all weights are 0',
  ],
  [
    'policies:\n  a:\n    weights:\n      novelty: .nan',
    'policies.yaml:4:16: policies.a.weights.novelty: Invalid input',
  ],
  ['policies:\n  a: { depth: -1 }', 'policies.yaml:2:15: policies.a.depth: Too small'],
  ['policies:\n  a: [', 'policies.yaml:2:7: '],
  ['policies:\n  a: { constraints: [{ group: g, shareMin: 0.1 }] }', '"g" is no group'],
])('a fault of the file is told with its line: %j', async (text, message) => {
  await expect(configured({ 'policies.yaml': text })).rejects.toThrow(message);
});

it('a file that is named must be there', async () => {
  const naming = configured({ 'millrace.yaml': 'reranking: { policiesFile: none.yaml }' });
  await expect(naming).rejects.toThrow('none.yaml: ENOENT');
});
