import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { positionPropensities, shuffledRuns } from './position-bias.ts';

const EXAMINED = [1, 0.7, 0.5, 0.35, 0.2];

/** Clicks on lists of items whose attraction falls with their rank; `arrange` puts the ranks into slots and names strata. */
function simulated(
  lists: number,
  arrange: (random: Random) => { ranks: number[]; strata: (number | undefined)[] },
) {
  const random = new Random(11);
  const rows = { positions: [] as number[], clicks: [] as number[], strata: [] as number[] };
  for (let list = 0; list < lists; list++) {
    const { ranks, strata } = arrange(random);
    ranks.forEach((rank, slot) => {
      const attraction = 0.6 / (1 + rank) + 0.1 * random.next();
      const click = random.next() < EXAMINED[slot] * attraction;
      const stratum = strata[slot];
      if (stratum === undefined) return;
      rows.positions.push(slot);
      rows.clicks.push(Number(click));
      rows.strata.push(stratum);
    });
  }
  return {
    positions: Uint32Array.from(rows.positions),
    clicks: Uint8Array.from(rows.clicks),
    strata: Uint32Array.from(rows.strata),
  };
}

const SLOTS = EXAMINED.map((_, slot) => slot);

function expectRecovered(propensities: Float64Array): void {
  EXAMINED.forEach((truth, slot) => {
    expect(Math.abs(propensities[slot] / truth - 1)).toBeLessThan(0.08);
  });
}

describe('positionPropensities', () => {
  it('recovers the truth from shuffled lists, where ranked lists mislead', () => {
    const shuffled = simulated(30_000, (random) => ({
      ranks: random.shuffle([...SLOTS]),
      strata: SLOTS.map(() => 0),
    }));
    expectRecovered(positionPropensities(shuffled));
    const ranked = simulated(30_000, () => ({ ranks: [...SLOTS], strata: SLOTS.map(() => 0) }));
    expect(positionPropensities(ranked)[4]).toBeLessThan(EXAMINED[4] / 2);
  });

  it('recovers the truth from swaps of neighbours, chained over their strata', () => {
    const swaps = simulated(60_000, (random) => {
      const slot = random.int(SLOTS.length - 1);
      const ranks = [...SLOTS];
      if (random.next() < 0.5) [ranks[slot], ranks[slot + 1]] = [ranks[slot + 1], ranks[slot]];
      return { ranks, strata: SLOTS.map((s) => (s === slot || s === slot + 1 ? slot : undefined)) };
    });
    expectRecovered(positionPropensities(swaps));
  });

  it('knows nothing of slots that no chain joins to the first', () => {
    const answer = positionPropensities({
      positions: Uint32Array.of(0, 1, 3, 4),
      clicks: Uint8Array.of(1, 1, 1, 1),
      strata: Uint32Array.of(0, 0, 1, 1),
    });
    expect(Array.from(answer)).toEqual([1, 1, Number.NaN, Number.NaN, Number.NaN]);
  });
});

describe('shuffledRuns', () => {
  it('finds shuffles and swaps by their propensities given the earlier slots', () => {
    expect(shuffledRuns([1, 1, 1])).toEqual([]);
    expect(shuffledRuns([0, 0])).toEqual([]);
    expect(shuffledRuns(Float32Array.of(1 / 3, 1 / 2, 1, 1))).toEqual([[0, 3]]);
    expect(shuffledRuns([1, 0.5, 1, 0.5, 1, 1])).toEqual([
      [1, 3],
      [3, 5],
    ]);
  });

  it('leaves draws that are no shuffle alone', () => {
    expect(shuffledRuns([0.3, 0.6, 1])).toEqual([]);
    expect(shuffledRuns([1, 0.5])).toEqual([]);
    expect(shuffledRuns([0.25, 0.25, 0.5])).toEqual([]);
  });
});
