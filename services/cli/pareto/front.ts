/** What a policy came to; the higher, the better, each on its own scale. */
export type Worth = Readonly<Record<string, number>>;

/** The indices of the points that no other is at least as good as in every aim and better in one; of equal points the first. */
export function paretoFront(points: readonly Worth[], aims: readonly string[]): number[] {
  const dominates = (a: Worth, b: Worth): boolean =>
    aims.every((aim) => a[aim] >= b[aim]) && aims.some((aim) => a[aim] > b[aim]);
  const equal = (a: Worth, b: Worth): boolean => aims.every((aim) => a[aim] === b[aim]);
  return [...points.keys()].filter((i) =>
    points.every((other, j) => !dominates(other, points[i]) && !(j < i && equal(other, points[i]))),
  );
}

/** The index of the point nearest to the best of every aim, each measured from its worst to its best over the points. */
export function balancedPoint(points: readonly Worth[], aims: readonly string[]): number {
  const distance = new Float64Array(points.length);
  for (const aim of aims) {
    const values = points.map((point) => point[aim]);
    const best = Math.max(...values);
    const range = best - Math.min(...values);
    for (const [i, value] of values.entries()) distance[i] += range === 0 ? 0 : ((best - value) / range) ** 2;
  }
  return distance.indexOf(Math.min(...distance));
}
