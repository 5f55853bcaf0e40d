import { describe, expect, it } from 'vitest';
import { projectRoot } from '../common/root.ts';
import { cycleViolations } from './tidy/cycles.ts';
import { deadExportViolations } from './tidy/dead-exports.ts';
import { layerViolations } from './tidy/layers.ts';
import { shapeViolations } from './tidy/shape.ts';
import { parse, readTree, type Source, type Violation } from './tidy/source.ts';

type Rule = (sources: readonly Source[]) => Violation[];

const RULES: Record<string, Rule> = {
  layers: layerViolations,
  cycles: cycleViolations,
  'dead exports': deadExportViolations,
  shape: shapeViolations,
};

function print(violations: readonly Violation[]): string[] {
  return violations.map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

function judge(rule: Rule, files: Record<string, string>): string[] {
  return print(rule(Object.entries(files).map(([path, text]) => parse(path, text))));
}

const repeat = (line: string, count: number): string => `${line}\n`.repeat(count);

describe('the tree', () => {
  const sources = readTree(projectRoot);

  it('has sources', () => {
    expect(sources.map(({ path }) => path)).toContain('test/tidy.test.ts');
  });

  it.each(Object.entries(RULES))('keeps the rule: %s', (_name, rule) => {
    expect(print(rule(sources)).join('\n')).toBe('');
  });
});

describe('layers', () => {
  const importing = (path: string, specifier: string): string[] =>
    judge(layerViolations, { [path]: `// first line\nimport { a } from '${specifier}';` });

  it.each([
    ['services/ranking/stage.ts', '../filtering/stage.ts', 'services/ranking imports another service'],
    ['services/ranking/stage.ts', '../training/fit.ts', 'services/ranking imports another service'],
    ['services/ranking/stage.ts', '../../deploy/all-in-one.ts', 'a service imports deploy/all-in-one.ts'],
    ['services/ranking/stage.ts', '@grpc/grpc-js', 'stage.ts imports @grpc/grpc-js'],
    ['services/ranking/stage.ts', '../../test/fixtures/a.ts', 'shipped code imports test/fixtures/a.ts'],
    ['common/a.ts', '../services/ranking/stage.ts', 'common/ imports services/ranking/stage.ts'],
    ['common/rpc/a.ts', '../../deploy/a.ts', 'common/ imports deploy/a.ts'],
  ])('refuses %s importing %s', (path, specifier, message) => {
    const found = importing(path, specifier);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${path}:2: ${message}`);
  });

  it.each([
    ['services/cli/train.ts', '../training/fit.ts'],
    ['services/ranking/server.ts', '@grpc/grpc-js'],
    ['services/ranking/stage.ts', '../../common/columns.ts'],
    ['services/ranking/stage.test.ts', '../../test/fixtures/a.ts'],
    ['services/reranking/rules/pin.ts', '../slate/mmr.ts'],
    ['deploy/all-in-one.ts', '../services/ranking/stage.ts'],
    ['test/e2e/a.test.ts', '../../services/ranking/stage.ts'],
  ])('allows %s importing %s', (path, specifier) => {
    expect(importing(path, specifier)).toEqual([]);
  });

  it('sees type imports, re-exports and dynamic imports too', () => {
    const path = 'services/ranking/a.ts';
    const b = '../filtering/b.ts';
    const text = `import type { A } from '${b}';\nexport * from '${b}';\nawait import('${b}');\nlet x: import('${b}').B;`;
    expect(judge(layerViolations, { [path]: text })).toHaveLength(4);
  });
});

describe('cycles', () => {
  it('names a circle once, by its first file', () => {
    const files = {
      'common/a.ts': "// one\nimport { b } from './b.ts';",
      'common/b.ts': "import { c } from './c.ts';",
      'common/c.ts': "export { a } from './a.ts';",
      'common/d.ts': "import { a } from './a.ts';",
    };
    expect(judge(cycleViolations, files)).toEqual([
      'common/a.ts:2: import cycle: common/a.ts -> common/b.ts -> common/c.ts -> common/a.ts',
    ]);
  });

  it('allows circles of types and of dynamic imports', () => {
    const files = {
      'common/a.ts': "import { b } from './b.ts';",
      'common/b.ts': "import type { A } from './a.ts';\nawait import('./a.ts');",
    };
    expect(judge(cycleViolations, files)).toEqual([]);
  });
});

describe('dead exports', () => {
  it('names each export that nobody imports', () => {
    const files = {
      'common/a.ts': [
        'export const used = 1, { unused } = f();',
        'export function alsoUnused() {}',
        'export interface Unneeded {}',
        'const inner = 1;',
        'export { inner as outer };',
      ].join('\n'),
      'services/x/b.ts': "import { used } from '../../common/a.ts';",
    };
    expect(judge(deadExportViolations, files)).toEqual([
      'common/a.ts:1: no file imports the export unused',
      'common/a.ts:2: no file imports the export alsoUnused',
      'common/a.ts:3: no file imports the export Unneeded',
      'common/a.ts:5: no file imports the export outer',
    ]);
  });

  it('counts types, aliases, re-exports, namespaces and dynamic imports as use', () => {
    const files = {
      'common/a.ts': 'export const x = 1; export interface Y {}',
      'common/b.ts': 'export const z = 1;',
      'common/c.ts': 'export const w = 1;',
      'common/d.ts': 'export const v = 1;',
      'test/e.test.ts': [
        "import { x as renamed } from '../common/a.ts';",
        "import type { Y } from '../common/a.ts';",
        "export { z } from '../common/b.ts';",
        "import * as c from '../common/c.ts';",
        "await import('../common/d.ts');",
      ].join('\n'),
    };
    expect(judge(deadExportViolations, files)).toEqual([]);
  });

  it('counts a type as used where another export of its file mentions it', () => {
    const text = [
      'export interface Options {}',
      'export interface Inner {}',
      'export const x = (options: Options) => { inner(); };',
      'function inner(a: Inner) {}',
    ].join('\n');
    const files = { 'common/a.ts': text, 'common/b.test.ts': "import { x } from './a.ts';" };
    expect(judge(deadExportViolations, files)).toEqual(['common/a.ts:2: no file imports the export Inner']);
  });

  it('leaves programs, workers and test helpers alone', () => {
    const text = 'export const x = 1;';
    const files = { 'services/x/main.ts': text, 'common/a.worker.ts': text, 'test/helper.ts': text };
    expect(judge(deadExportViolations, files)).toEqual([]);
  });
});

describe('shape', () => {
  it('measures functions', () => {
    const body = (lines: number): string => `{\n${repeat('  f();', lines - 2)}}`;
    const text = [
      `function fits() ${body(70)}`,
      `function long() ${body(71)}`,
      `class A { method() ${body(71)} }`,
      `const arrow = () => ${body(71)};`,
    ].join('\n');
    expect(judge(shapeViolations, { 'common/a.ts': text })).toEqual([
      'common/a.ts:71: long has 71 lines, at most 70',
      'common/a.ts:142: method has 71 lines, at most 70',
      'common/a.ts:213: function has 71 lines, at most 70',
    ]);
  });

  it('leaves out what is handed to vitest, not what stands inside it', () => {
    const long = `const helper = () => {\n${repeat('f();', 71)}};`;
    const call = `describe.each([1])('x', () => {\nit('y', async () => {\n${repeat('f();', 80)}});\n});`;
    expect(judge(shapeViolations, { 'test/a.ts': `export function contract() {\n${call}\n}` })).toEqual([]);
    const nested = `describe('x', () => {\n${long}\n});`;
    expect(judge(shapeViolations, { 'test/a.ts': nested })).toEqual([
      'test/a.ts:2: function has 73 lines, at most 70',
    ]);
  });

  it('measures files', () => {
    const main = { 'services/x/main.ts': repeat('f();', 61) };
    expect(judge(shapeViolations, main)).toEqual(['services/x/main.ts:1: 61 lines, at most 60']);
    const long = { 'common/a.ts': repeat('f();', 601), 'common/b.ts': repeat('f();', 600) };
    expect(judge(shapeViolations, long)).toEqual(['common/a.ts:1: 601 lines, at most 600']);
  });

  it('reads names and marks', () => {
    const mark = 'TO'.concat('DO');
    const files = {
      'common/camelCase.ts': '',
      'common/a_b/c.ts': '',
      'common/a-b.worker.ts': `\n// ${mark}: x`,
    };
    expect(judge(shapeViolations, files)).toEqual([
      'common/camelCase.ts:1: not named in kebab-case',
      'common/a_b/c.ts:1: not named in kebab-case',
      `common/a-b.worker.ts:2: ${mark} left in the code`,
    ]);
  });
});
