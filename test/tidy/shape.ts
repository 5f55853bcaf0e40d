import ts from 'typescript';
import { lineOf, type Source, type Violation, walk } from './source.ts';

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 600;
const MAIN_LINES_MAX = 60;
const SEGMENT = '[a-z0-9]+(?:-[a-z0-9]+)*';
const PATH = new RegExp(`^(?:${SEGMENT}/)*${SEGMENT}(?:\\.${SEGMENT})*\\.ts$`);
const UNFINISHED = /\b(?:TO[D]O|FIX[M]E)\b/;
const TEST_CALLS = new Set(['describe', 'it', 'test', 'suite']);

/** Lengths of functions and files, names of files, and marks of unfinished work. */
export function shapeViolations(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) => [...fileViolations(source), ...functionViolations(source)]);
}

function fileViolations({ path, tree }: Source): Violation[] {
  const violations: Violation[] = [];
  const lines = tree.text.trimEnd().split('\n');
  const linesMax = path.endsWith('/main.ts') ? MAIN_LINES_MAX : FILE_LINES_MAX;
  if (lines.length > linesMax) {
    violations.push({ path, line: 1, message: `${lines.length} lines, at most ${linesMax}` });
  }
  if (!PATH.test(path)) violations.push({ path, line: 1, message: 'not named in kebab-case' });
  lines.forEach((text, index) => {
    const mark = UNFINISHED.exec(text);
    if (mark !== null) violations.push({ path, line: index + 1, message: `${mark[0]} left in the code` });
  });
  return violations;
}

function functionViolations({ path, tree }: Source): Violation[] {
  const violations: Violation[] = [];
  walk(tree, (node) => {
    if (!ts.isFunctionLike(node) || isTestCallback(node)) return;
    const lines = ownLines(tree, node);
    if (lines <= FUNCTION_LINES_MAX) return;
    const name = node.name?.getText(tree) ?? 'function';
    violations.push({
      path,
      line: lineOf(tree, node),
      message: `${name} has ${lines} lines, at most ${FUNCTION_LINES_MAX}`,
    });
  });
  return violations;
}

/** Lines of a function without those inside the callbacks that it hands to vitest. */
function ownLines(tree: ts.SourceFile, node: ts.Node): number {
  let lines = span(tree, node);
  const subtract = (child: ts.Node): void => {
    if (isTestCallback(child)) lines -= span(tree, child) - 1;
    else ts.forEachChild(child, subtract);
  };
  ts.forEachChild(node, subtract);
  return lines;
}

function span(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(tree, node);
}

/** True for the function given to `describe(...)`, `it.each(...)(...)` and their like. */
function isTestCallback(node: ts.Node): boolean {
  if (!ts.isArrowFunction(node) && !ts.isFunctionExpression(node)) return false;
  if (!ts.isCallExpression(node.parent)) return false;
  let callee: ts.Expression = node.parent.expression;
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && TEST_CALLS.has(callee.text);
}
