import ts from 'typescript';
import { importsOf, lineOf, type Source, type Violation, walk } from './source.ts';

const CHECKED = /^(common|services|deploy)\//;
/** Loaded by path, or compiled by itself, and not by import. */
const ENTRY = /(^|\/)main\.ts$|\.worker\.ts$|\.as\.ts$/;

interface Export {
  readonly name: string;
  readonly line: number;
}

/**
 * Exports of common/, services/ and deploy/ that no other file imports by name, or through `*`. A type that another
 * export of the same file mentions is alive with it: it names part of that export's contract.
 */
export function deadExportViolations(sources: readonly Source[]): Violation[] {
  const used = new Map<string, Set<string>>();
  for (const source of sources) {
    for (const { target, names } of importsOf(source)) {
      if (target === undefined || target === source.path) continue;
      const before = used.get(target) ?? new Set();
      used.set(target, new Set([...before, ...names]));
    }
  }
  return sources
    .filter(({ path }) => CHECKED.test(path) && !ENTRY.test(path))
    .flatMap((source) => {
      const names = used.get(source.path) ?? new Set();
      if (names.has('*')) return [];
      return exportsOf(source)
        .filter(({ name }) => !names.has(name) && !isMentionedType(source, name))
        .map(({ name, line }) => ({
          path: source.path,
          line,
          message: `no file imports the export ${name}`,
        }));
    });
}

function isMentionedType({ tree }: Source, name: string): boolean {
  const declares = (statement: ts.Statement): boolean =>
    (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) &&
    statement.name.text === name;
  if (!tree.statements.some(declares)) return false;
  return tree.statements.some((statement) => {
    if (!isExported(statement) || declares(statement)) return false;
    let mentioned = false;
    walk(statement, (node) => {
      mentioned ||= ts.isTypeReferenceNode(node) && node.typeName.getText(tree) === name;
      mentioned ||= ts.isExpressionWithTypeArguments(node) && node.expression.getText(tree) === name;
    });
    return mentioned;
  });
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function exportsOf({ tree }: Source): Export[] {
  return tree.statements.flatMap((statement) => {
    const at = (name: ts.Node): Export => ({ name: name.getText(tree), line: lineOf(tree, name) });
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      return clause !== undefined && ts.isNamedExports(clause)
        ? clause.elements.map(({ name }) => at(name))
        : [];
    }
    if (!isExported(statement)) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name)).map(at);
    }
    const { name } = statement as ts.DeclarationStatement;
    return name === undefined ? [] : [at(name)];
  });
}

function boundNames(name: ts.BindingName): ts.Identifier[] {
  if (ts.isIdentifier(name)) return [name];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? boundNames(element.name) : []));
}
