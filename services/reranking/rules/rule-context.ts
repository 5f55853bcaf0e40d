import { contextKeys, type Rule } from './schema.ts';

/** What rules know of a request. An empty text is unknown and equals nothing. */
export type RuleContext = Readonly<Record<(typeof contextKeys)[number], string>>;

/** The values in the form that `appliesTo` takes. */
export function normaliseContext(context: RuleContext): RuleContext {
  const { surface, locale, device, region, variant } = context;
  return {
    surface: surface.toLowerCase(),
    locale: locale.toLowerCase(),
    device: device.toLowerCase(),
    region: region.toLowerCase(),
    variant: variant.toLowerCase(),
  };
}

/** A rule's `when` in the form that `appliesTo` and `contextsOverlap` take. */
export function lowerCased(when: Rule['when']): Rule['when'] {
  const entries = Object.entries(when).map(([key, values]) => [
    key,
    values.map((value) => value.toLowerCase()),
  ]);
  return Object.fromEntries(entries);
}

/** Whether a rule applies to requests of this context, which is normalised. */
export function appliesTo(when: Rule['when'], context: RuleContext): boolean {
  for (const key of contextKeys) {
    const wanted = when[key];
    if (wanted !== undefined && !wanted.some((value) => covers(key, value, context[key]))) return false;
  }
  return true;
}

/** Whether a request could exist to which both apply. */
export function contextsOverlap(a: Rule['when'], b: Rule['when']): boolean {
  return contextKeys.every((key) => {
    const [own, others] = [a[key], b[key]];
    if (own === undefined || others === undefined) return true;
    return own.some((x) => others.some((y) => covers(key, x, y) || covers(key, y, x)));
  });
}

/** A locale's range covers its subtags (RFC 4647, basic filtering); other values cover themselves. */
function covers(key: (typeof contextKeys)[number], wanted: string, actual: string): boolean {
  return wanted === actual || (key === 'locale' && actual.startsWith(`${wanted}-`));
}
