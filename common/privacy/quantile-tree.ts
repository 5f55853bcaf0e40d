import type { ExactNoise } from './exact-noise.ts';
import type { NoiseMechanism } from './mechanisms.ts';

const BRANCHES = 16;
/** Levels of counts that one value takes part in. */
export const TREE_LEVELS = 4;
/** Equal parts of the range; values are counted by part. */
export const TREE_LEAVES = BRANCHES ** TREE_LEVELS;
/** A subtree that holds less of what is above it counts as empty. */
const SHARE_MIN = 1 / 2 ** 20;

/**
 * Quantiles of bounded values from noisy counts of a tree of 16 branches and 4 levels over [low, high]: all ranks of one
 * tree share its noise and cost once. The method is that of Google's differential privacy library (bounded quantiles). `leaves`: values by leaf;
 * one value moves one count a level, so that the mechanism's sensitivity counts `TREE_LEVELS` parts.
 */
export function treeQuantiles(
  leaves: ReadonlyMap<number, number>,
  ranks: readonly number[],
  { low, high }: { low: number; high: number },
  { mechanism, noise }: { mechanism: NoiseMechanism; noise: ExactNoise },
): number[] {
  const counts = countsOfNodes(leaves);
  const noisy = new Map<number, number>();
  const noisyCount = (node: number): number => {
    let count = noisy.get(node);
    if (count === undefined) {
      count = Math.max(0, (counts.get(node) ?? 0) + mechanism.draw(noise));
      noisy.set(node, count);
    }
    return count;
  };
  return ranks.map((rank) => low + (high - low) * place(rank, noisyCount));
}

/** Nodes are numbered by level: those of level l from (16^(l+1) − 16) / 15 on. */
function firstOf(level: number): number {
  return (BRANCHES ** (level + 1) - BRANCHES) / (BRANCHES - 1);
}

function countsOfNodes(leaves: ReadonlyMap<number, number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [leaf, count] of leaves) {
    for (let level = 0, width = TREE_LEAVES / BRANCHES; level < TREE_LEVELS; level++, width /= BRANCHES) {
      const node = firstOf(level) + Math.floor(leaf / width);
      counts.set(node, (counts.get(node) ?? 0) + count);
    }
  }
  return counts;
}

/** Where in [0, 1] the rank lies: down the tree into the branch that holds it, evenly within the last one. */
function place(rank: number, noisyCount: (node: number) => number): number {
  let [branch, start, width, rest] = [0, 0, 1, rank];
  for (let level = 0; level < TREE_LEVELS; level++) {
    const first = firstOf(level) + branch * BRANCHES;
    const counts = Array.from({ length: BRANCHES }, (_, i) => noisyCount(first + i));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const kept = counts.map((count) => (count >= total * SHARE_MIN ? count : 0));
    const sum = kept.reduce((all, count) => all + count, 0);
    if (sum === 0) break;
    let target = rest * sum;
    let chosen = kept.findLastIndex((count) => count > 0);
    for (const [i, count] of kept.entries()) {
      if (count > 0 && target <= count) {
        chosen = i;
        break;
      }
      if (i < chosen) target -= count;
    }
    rest = Math.min(1, Math.max(0, target / kept[chosen]));
    width /= BRANCHES;
    start += chosen * width;
    branch = branch * BRANCHES + chosen;
  }
  return start + rest * width;
}
