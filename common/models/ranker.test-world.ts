import { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';

/**
 * Groups of 5 to 40 rows whose grades 0 to 3 follow a linear and an interaction term; the second of five columns is often missing,
 * the fourth is constant, the fifth is noise of a large scale. The last group has no relevant row.
 */
export function rankingWorld(groupCount: number, seed: number): GroupedExamples {
  const random = new Random(seed);
  const features: number[] = [];
  const labels: number[] = [];
  const groups = [0];
  for (let group = 0; group < groupCount; group++) {
    const shift = random.normal();
    for (let rows = 5 + random.int(36); rows > 0; rows--) {
      const [a, b, c] = [random.normal(), random.normal(), random.normal()];
      const gone = random.next() < 0.3;
      const merit = a + (gone ? 0.5 : 1.5 * Math.sign(b * c)) + 0.3 * random.normal();
      features.push(a + shift, gone ? Number.NaN : b, c, 7, 1000 * random.normal());
      const grade = merit > 2.2 ? 3 : merit > 1.5 ? 2 : merit > 0.8 ? 1 : 0;
      labels.push(group === groupCount - 1 ? 0 : grade);
    }
    groups.push(labels.length);
  }
  return {
    rows: labels.length,
    width: 5,
    features: Float32Array.from(features),
    labels: Float32Array.from(labels),
    groups: Uint32Array.from(groups),
  };
}
