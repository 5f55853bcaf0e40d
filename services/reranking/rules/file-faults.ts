import { implies, shareValue } from './match-logic.ts';
import { contextsOverlap, lowerCased } from './rule-context.ts';
import { effectOf, type Rule } from './schema.ts';

/** Requirements that a rule file may have: each is a bit of a word. */
const REQUIRES_MAX = 32;

/** A rule of a file, by its index there. */
export interface IndexedRule {
  readonly index: number;
  readonly rule: Rule;
  /** The sets that it is in; undefined: none, so that it is always in force. */
  readonly sets: readonly string[] | undefined;
}

/** What is wrong, and where in the file. */
export interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Whether a request could exist to which both rules apply; `when` in lower case. */
export function canMeet(
  a: { readonly when: Rule['when']; readonly sets: readonly string[] | undefined },
  b: { readonly when: Rule['when']; readonly sets: readonly string[] | undefined },
): boolean {
  const together =
    a.sets === undefined || b.sets === undefined || a.sets.some((set) => b.sets?.includes(set));
  return together && contextsOverlap(a.when, b.when);
}

/** What no catalogue could mend: overriding in a circle and rules that cannot be met together. `known`: names of all rules. */
export function findFaults(rules: readonly IndexedRule[], known: ReadonlySet<string>): Fault[] {
  const moments = rules.map(({ rule, sets }) => ({ when: lowerCased(rule.when), sets }));
  return [
    ...nameFaults(rules, known),
    ...circles(rules),
    ...rules.flatMap((one, i) =>
      rules
        .slice(0, i)
        .flatMap((other, j) => (canMeet(moments[i], moments[j]) ? contradictions(other, one) : [])),
    ),
    ...rules
      .filter(({ rule }) => rule.then.require !== undefined)
      .slice(REQUIRES_MAX)
      .map(({ index }) => ({
        path: ['rules', index, 'then'],
        message: `more than ${REQUIRES_MAX} requires`,
      })),
  ];
}

function nameFaults(rules: readonly IndexedRule[], known: ReadonlySet<string>): Fault[] {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const { index, rule } of rules) {
    if (seen.has(rule.name))
      faults.push({ path: ['rules', index, 'name'], message: 'names an earlier rule too' });
    seen.add(rule.name);
    for (const [i, name] of rule.overrides.entries()) {
      if (!known.has(name))
        faults.push({ path: ['rules', index, 'overrides', i], message: `there is no rule "${name}"` });
    }
  }
  return faults;
}

/** Each circle once, at the rule that closes it. */
function circles(rules: readonly IndexedRule[]): Fault[] {
  const byName = new Map(rules.map((one) => [one.rule.name, one]));
  const done = new Set<string>();
  const faults: Fault[] = [];
  const visit = (one: IndexedRule, path: readonly string[]): void => {
    const { name, overrides } = one.rule;
    if (done.has(name)) return;
    for (const next of overrides) {
      const at = [...path, name].indexOf(next);
      const other = byName.get(next);
      if (at >= 0) {
        const circle = [...[...path, name].slice(at), next].map((step) => `"${step}"`).join(' → ');
        faults.push({ path: ['rules', one.index, 'overrides'], message: `overrides in a circle: ${circle}` });
      } else if (other !== undefined) visit(other, [...path, name]);
    }
    done.add(name);
  };
  for (const one of rules) visit(one, []);
  return faults;
}

function contradictions(a: IndexedRule, b: IndexedRule): Fault[] {
  const pins = pinsOfOnePosition(a, b);
  return [...(pins === undefined ? [] : [pins]), ...oneWay(a, b), ...oneWay(b, a)];
}

function pinsOfOnePosition({ rule: a }: IndexedRule, { index, rule: b }: IndexedRule): Fault | undefined {
  const position = b.then.pin?.position;
  if (position === undefined || a.then.pin?.position !== position || a.priority !== b.priority)
    return undefined;
  const message = `"${a.name}" pins position ${position} too; priorities would say which one comes first`;
  return { path: ['rules', index, 'then', 'pin', 'position'], message };
}

/** What `a` asks for and `b` forbids. */
function oneWay({ index, rule: a }: IndexedRule, { rule: b }: IndexedRule): Fault[] {
  if (a.overrides.includes(b.name) || !implies(a.match, b.match)) return [];
  const path = ['rules', index, 'then', effectOf(a.then)];
  const wanted = a.then.require ?? a.then.pin;
  if (wanted !== undefined && b.then.exclude !== undefined)
    return [{ path, message: `"${b.name}" excludes every item that this rule matches` }];
  const { cap } = b.then;
  const { require: asked } = a.then;
  if (cap === undefined || asked === undefined) return [];
  if (cap.field !== undefined && !shareValue(a.match, cap.field)) return [];
  const most = cap.itemsMax * (cap.window === 0 ? 1 : Math.ceil(asked.within / cap.window));
  if (asked.itemsMin <= most) return [];
  const message = `needs ${asked.itemsMin} items where "${b.name}" leaves at most ${most} in the first ${asked.within}`;
  return [{ path, message }];
}
