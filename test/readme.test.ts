import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigSource } from '../common/config.ts';
import { projectRoot } from '../common/root.ts';
import { addressesSchema, SECTIONS } from '../common/service.ts';
import { candidatesSchema } from '../services/candidates/config.ts';
import { orchestratorSchema } from '../services/orchestrator/config.ts';
import { rerankingSchema } from '../services/reranking/config.ts';
import { trainSchema } from '../services/training/config.ts';

const readme = readFile(join(projectRoot, 'README.md'), 'utf8');

test("the README's configuration is accepted", async () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(await readme)?.[1] ?? '';
  const home = await mkdtemp(join(tmpdir(), 'millrace-readme-'));
  try {
    await writeFile(join(home, 'millrace.yaml'), yaml);
    const config = new ConfigSource({ MILLRACE_HOME: home });
    config.checkSections(SECTIONS);
    expect(config.section('addresses', addressesSchema).ranking).toBe('ranker.internal:9000');
    expect(config.section('candidates', candidatesSchema).sources.bm25.quota).toBe(200);
    expect(config.section('train', trainSchema).candidates).toEqual(['ials', 'item_to_item', 'ease']);
    expect(config.section('reranking', rerankingSchema).rulesFile).toBe('rules.yaml');
    expect(config.section('orchestrator', orchestratorSchema).experiment?.variants[0]?.bundle).toBe(
      'challenger',
    );
  } finally {
    await rm(home, { recursive: true });
  }
});

test('every npm script that the pages name exists, and every page that the README links', async () => {
  const { scripts } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  const pages = await Promise.all(
    ['README.md', 'CONTRIBUTING.md', 'docs/swap-a-stage.md'].map((page) =>
      readFile(join(projectRoot, page), 'utf8'),
    ),
  );
  const named = pages.flatMap((page) => [...page.matchAll(/npm run ([a-z]+)/g)].map(([, script]) => script));
  expect(named.length).toBeGreaterThan(3);
  for (const script of named) expect(scripts, script).toHaveProperty(script as string);
  for (const [, link] of (await readme).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    await expect(readFile(join(projectRoot, link as string), 'utf8'), link).resolves.toBeTruthy();
  }
});
