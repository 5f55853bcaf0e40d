import { importsOf, type Source, type Violation } from './source.ts';

/** Groups of files that import each other in a circle when they load (types and dynamic imports do not count). */
export function cycleViolations(sources: readonly Source[]): Violation[] {
  const known = new Set(sources.map(({ path }) => path));
  const edges = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source).filter(
        ({ kind, target }) => kind === 'static' && target !== undefined && known.has(target),
      ),
    ]),
  );
  const targets = (path: string): string[] => (edges.get(path) ?? []).map(({ target }) => target as string);
  const violations: Violation[] = [];
  for (const path of [...known].sort()) {
    const circle = shortestCircle(path, targets);
    if (circle === undefined || circle.some((other) => other < path)) continue;
    const line = edges.get(path)?.find(({ target }) => target === circle[1])?.line ?? 1;
    violations.push({ path, line, message: `import cycle: ${circle.join(' -> ')}` });
  }
  return violations;
}

/** The shortest way from `start` back to itself, both ends included; undefined where there is none. */
function shortestCircle(start: string, targets: (path: string) => string[]): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const path of queue) {
    for (const target of targets(path)) {
      if (target === start) return trail(path, start, cameFrom);
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

function trail(last: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const back = [start];
  for (let path = last; path !== start; path = cameFrom.get(path) as string) back.push(path);
  return [...back, start].reverse();
}
