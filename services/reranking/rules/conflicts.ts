import type { CompiledRule } from './compiled-rule.ts';
import { contextsOverlap } from './rule-context.ts';

/**
 * What cannot be meant, told with the rules' names: two pins of one position, one item pinned to two positions, and a pin of
 * what another rule excludes (an id that the pin lists, or all its items), each only where both rules could apply to one
 * request. Rules that depend on age are compared by position only, since no mask says what they match. `idOf`: the id of an ordinal.
 */
export function findConflicts(rules: readonly CompiledRule[], idOf: (ordinal: number) => string): string[] {
  const conflicts: string[] = [];
  const excludes = rules.filter((rule) => rule.effect === 'exclude' && rule.ageMs === undefined);
  const pins = rules.filter((rule) => rule.effect === 'pin');
  for (const [i, pin] of pins.entries()) {
    for (const other of pins.slice(0, i)) {
      if (!contextsOverlap(pin.when, other.when)) continue;
      const both = `"${other.name}" and "${pin.name}"`;
      const shared = sameSingleItem(pin, other);
      if (pin.position === other.position) conflicts.push(`${both} both pin position ${pin.position + 1}`);
      else if (shared !== undefined) {
        const positions = `positions ${other.position + 1} and ${pin.position + 1}`;
        conflicts.push(`${both} pin item "${idOf(shared)}" to ${positions}`);
      }
    }
    for (const exclude of excludes.filter(({ when }) => contextsOverlap(pin.when, when))) {
      const excluded = excludedOf(pin, exclude, idOf);
      if (excluded !== undefined)
        conflicts.push(`"${pin.name}" pins ${excluded}, which "${exclude.name}" excludes`);
    }
  }
  return conflicts;
}

/** The item of both rules, if each matches one only and it is the same. */
function sameSingleItem(a: CompiledRule, b: CompiledRule): number | undefined {
  if (a.ageMs !== undefined || b.ageMs !== undefined || a.items.size !== 1 || b.items.size !== 1)
    return undefined;
  const [item] = a.items.toOrdinals();
  return b.items.has(item) ? item : undefined;
}

function excludedOf(
  pin: CompiledRule,
  exclude: CompiledRule,
  idOf: (ordinal: number) => string,
): string | undefined {
  const items = pin.items.toOrdinals();
  const excluded = items.filter((item) => exclude.items.has(item));
  if (excluded.length > 0 && pin.ids.length > 0) return `item "${idOf(excluded[0])}"`;
  return excluded.length > 0 && excluded.length === items.length ? 'only items' : undefined;
}
