import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** One parsed source; `path` is relative to the repository's root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly tree: ts.SourceFile;
}

/** A breach of a rule, printed as `path:line: message`; `line` counts from 1. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** One module specifier in a source. */
export interface Import {
  readonly specifier: string;
  /** Path of the file meant, or undefined for a package or a built-in. */
  readonly target: string | undefined;
  /** Names of the target's exports that are used; `*` where all of them may be. */
  readonly names: readonly string[];
  readonly line: number;
  /** `lazy` is a dynamic import; `type` is erased. */
  readonly kind: 'static' | 'lazy' | 'type';
}

export function parse(path: string, text: string): Source {
  return { path, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
}

/** Every TypeScript file of the repository that git tracks or would track. */
export function readTree(root: string): Source[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const paths = [...new Set(listed.split('\n'))].filter(
    (path) => path !== '' && existsSync(join(root, path)),
  );
  return paths.sort().map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

/** Line of a node without its leading comments, counting from 1. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

/** Calls `visit` on `node` and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Every import, re-export, dynamic import and import type of a source. */
export function importsOf({ path, tree }: Source): Import[] {
  const found: Import[] = [];
  const add = (
    node: ts.Node,
    specifier: ts.Node | undefined,
    kind: Import['kind'],
    names: string[],
  ): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const { text } = specifier;
    const target = text.startsWith('.') ? posix.join(posix.dirname(path), text) : undefined;
    found.push({ specifier: text, target, names, line: lineOf(tree, node), kind });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause;
      const kind = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'static';
      add(node, node.moduleSpecifier, kind, importedNames(clause));
    } else if (ts.isExportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static', reexportedNames(node));
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'type', ['*']);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], 'lazy', ['*']);
    }
  });
  return found;
}

function importedNames(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined) return [];
  const names = clause.name === undefined ? [] : ['default'];
  const { namedBindings } = clause;
  if (namedBindings === undefined) return names;
  if (ts.isNamespaceImport(namedBindings)) return [...names, '*'];
  return [...names, ...namedBindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text)];
}

function reexportedNames({ exportClause }: ts.ExportDeclaration): string[] {
  if (exportClause === undefined || ts.isNamespaceExport(exportClause)) return ['*'];
  return exportClause.elements.map(({ propertyName, name }) => (propertyName ?? name).text);
}
