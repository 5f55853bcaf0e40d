import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { z } from 'zod';
import { MillraceError } from '../../../common/errors.ts';
import { type Fault, findFaults, type IndexedRule } from './file-faults.ts';
import { PositionedYaml } from './file-positions.ts';
import { type Rule, ruleFileSchema, ruleSchema } from './schema.ts';

/** A rule of a file. */
export interface FileRule extends Rule {
  /** Where it begins, as `rules.yaml:12:5`. */
  readonly place: string;
  /** The sets that it is in; undefined: none, so that it is always in force. */
  readonly sets: readonly string[] | undefined;
}

/** A rule file without a fault. */
export interface RuleFile {
  /** By authority: falling priority, equal ones in the order of the file. */
  readonly rules: readonly FileRule[];
  /** The names of its rule sets. */
  readonly sets: readonly string[];
  /** Identifies what it says; comments and layout apart. */
  readonly version: string;
}

/** No rules at all. */
export const noRules: RuleFile = { rules: [], sets: [], version: '' };

/** Where the rule file is that a configuration names, or leaves open. */
export function ruleFilePath(home: string, configured: string | undefined): string {
  return resolve(home, configured ?? 'rules.yaml');
}

/**
 * Reads a rule file. CONFIG_INVALID with a line `file:line:column: reason` for every fault, or where it cannot be read.
 * `absent`: what stands for a file that does not exist.
 */
export function readRuleFile(path: string, absent?: RuleFile): RuleFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (absent !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw new MillraceError('CONFIG_INVALID', `${path}: ${(cause as Error).message}`, { cause });
  }
  return parseRuleFile(text, basename(path));
}

/** Reads the text of a rule file, which faults call `name`. */
export function parseRuleFile(text: string, name: string): RuleFile {
  const yaml = new PositionedYaml(text);
  if (yaml.faults.length > 0) refuse(yaml.faults.map((fault) => `${name}:${fault}`));
  const at = (path: readonly PropertyKey[], key?: string): string => `${name}:${yaml.position(path, key)}`;
  const parsed = ruleFileSchema.safeParse(yaml.value);
  if (!parsed.success) refuse(linesOf(parsed.error.issues, [], at));
  const sets = new Map(Object.entries(parsed.data.sets));
  const setsOf = (rule: string): string[] | undefined => {
    const own = [...sets].filter(([, rules]) => rules.includes(rule)).map(([set]) => set);
    return own.length === 0 ? undefined : own;
  };
  const names = new Set(parsed.data.rules.map(nameOf).filter((rule) => rule !== undefined));
  const rules: IndexedRule[] = [];
  const faults: string[] = [];
  for (const [index, value] of parsed.data.rules.entries()) {
    const rule = ruleSchema.safeParse(value);
    if (rule.success) rules.push({ index, rule: rule.data, sets: setsOf(rule.data.name) });
    else faults.push(...linesOf(rule.error.issues, ['rules', index], at, nameOf(value)));
  }
  const told = (fault: Fault): string => {
    const [, index] = fault.path;
    const rule = fault.path[0] === 'rules' ? nameOf(parsed.data.rules[Number(index)]) : undefined;
    return `${at(fault.path)}: ${rule === undefined ? '' : `rule "${rule}": `}${fault.message}`;
  };
  faults.push(...setFaults(sets, names).map(told), ...findFaults(rules, names).map(told));
  if (faults.length > 0) refuse(faults);
  return {
    rules: rules
      .map(({ index, rule, sets: own }) => ({ ...rule, place: at(['rules', index]), sets: own }))
      .sort((a, b) => b.priority - a.priority),
    sets: [...sets.keys()],
    version: createHash('sha256')
      .update(JSON.stringify([rules, [...sets]]))
      .digest('hex')
      .slice(0, 16),
  };
}

/** Throws CONFIG_INVALID with the faults in the order of the file. */
function refuse(faults: readonly string[]): never {
  const place = (fault: string): number[] => (/:(\d+):(\d+): /.exec(fault) ?? []).slice(1).map(Number);
  const sorted = [...new Set(faults)].sort((a, b) => {
    const [[lineA = 0, columnA = 0], [lineB = 0, columnB = 0]] = [place(a), place(b)];
    return lineA - lineB || columnA - columnB;
  });
  throw new MillraceError('CONFIG_INVALID', sorted.join('\n'));
}

function setFaults(sets: ReadonlyMap<string, readonly string[]>, names: ReadonlySet<string>): Fault[] {
  return [...sets].flatMap(([set, rules]) =>
    rules.flatMap((rule, i) =>
      names.has(rule) ? [] : [{ path: ['sets', set, i], message: `sets.${set}: there is no rule "${rule}"` }],
    ),
  );
}

/** A line for each fault that the schema found in the value at `base`. */
function linesOf(
  issues: readonly z.core.$ZodIssue[],
  base: readonly PropertyKey[],
  at: (path: readonly PropertyKey[], key?: string) => string,
  rule?: string,
): string[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path];
    const subject = [...(rule === undefined ? [] : [`rule "${rule}"`]), issue.path.join('.')].filter(Boolean);
    const about = subject.map((part) => `${part}: `).join('');
    if (issue.code !== 'unrecognized_keys') return [`${at(path)}: ${about}${issue.message}`];
    return issue.keys.map((key) => `${at(path, key)}: ${about}there is no field "${key}"`);
  });
}

function nameOf(rule: unknown): string | undefined {
  const name = (rule as { name?: unknown } | null)?.name;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
