/** Impressions whose slot was drawn at random: columns of equal length. */
export interface RandomisedImpressions {
  /** Slot, 0 first. */
  readonly positions: Uint32Array;
  /** 0 or 1. */
  readonly clicks: Uint8Array;
  /** Impressions of one stratum had their items put into their slots at random; numbered from 0. */
  readonly strata: Uint32Array;
}

const ITERATIONS_MAX = 10_000;
const CONVERGED = 1e-10;

/**
 * Examination propensities by slot, relative to slot 0, of the position-based model P(click) = examined[slot] · attraction
 * (Richardson et al., WWW 2007; Craswell et al., WSDM 2008). Where slots are drawn at random the mean attraction of a stratum is
 * the same in all its slots (Joachims, Swaminathan, Schnabel, WSDM 2017), which leaves click rate = examined[slot] ·
 * attraction[stratum], fitted by maximum Poisson likelihood: swaps of two slots, shuffled lists and mixtures of them are strata.
 * `length` of the answer: 1 + the last slot; NaN for slots that no chain of strata with clicks joins to slot 0.
 */
export function positionPropensities({
  positions,
  clicks,
  strata,
}: RandomisedImpressions): Float64Array<ArrayBuffer> {
  const cells = countsOf(positions, clicks, strata);
  const { slots, groups } = cells;
  const examined = new Float64Array(slots).fill(1);
  const attraction = new Float64Array(groups).fill(1);
  for (let iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
    fitMargin(attraction, examined, cells, (slot, group) => [group, slot]);
    const moved = fitMargin(examined, attraction, cells, (slot, group) => [slot, group]);
    if (moved < CONVERGED) break;
  }
  const joined = joinedToFirst(cells);
  const first = examined[0];
  return examined.map((value, slot) => (joined[slot] === 1 ? value / first : Number.NaN));
}

interface Counts {
  readonly slots: number;
  readonly groups: number;
  /** By slot × groups + group. */
  readonly shown: Float64Array;
  readonly clicked: Float64Array;
}

function countsOf(positions: Uint32Array, clicks: Uint8Array, strata: Uint32Array): Counts {
  const slots = positions.reduce((most, slot) => Math.max(most, slot + 1), 0);
  const groups = strata.reduce((most, group) => Math.max(most, group + 1), 0);
  const shown = new Float64Array(slots * groups);
  const clicked = new Float64Array(slots * groups);
  for (let row = 0; row < positions.length; row++) {
    const at = positions[row] * groups + strata[row];
    shown[at]++;
    clicked[at] += clicks[row];
  }
  return { slots, groups, shown, clicked };
}

/** Sets each of `own` so that its expected clicks are the observed ones, given `other`; answers the largest relative move. */
function fitMargin(
  own: Float64Array,
  other: Float64Array,
  { slots, groups, shown, clicked }: Counts,
  pick: (slot: number, group: number) => [number, number],
): number {
  const observed = new Float64Array(own.length);
  const expected = new Float64Array(own.length);
  for (let slot = 0, at = 0; slot < slots; slot++) {
    for (let group = 0; group < groups; group++, at++) {
      const [mine, theirs] = pick(slot, group);
      observed[mine] += clicked[at];
      expected[mine] += shown[at] * other[theirs];
    }
  }
  let moved = 0;
  for (let i = 0; i < own.length; i++) {
    if (expected[i] === 0) continue;
    const next = observed[i] / expected[i];
    moved = Math.max(moved, Math.abs(next - own[i]) / Math.max(next, Number.MIN_VALUE));
    own[i] = next;
  }
  return moved;
}

/** 1 for the slots that share clicked strata with slot 0, by way of others too. */
function joinedToFirst({ slots, groups, clicked }: Counts): Uint8Array {
  const joined = new Uint8Array(slots);
  const queue = slots > 0 ? [0] : [];
  if (slots > 0) joined[0] = 1;
  for (const slot of queue) {
    for (let group = 0; group < groups; group++) {
      if (clicked[slot * groups + group] === 0) continue;
      for (let other = 0; other < slots; other++) {
        if (joined[other] === 1 || clicked[other * groups + group] === 0) continue;
        joined[other] = 1;
        queue.push(other);
      }
    }
  }
  return joined;
}

/**
 * A run of slots into which one list's items were put at random, as their propensities given the earlier slots tell: 1/n, 1/(n − 1),
 * …, 1 over n ≥ 2 slots, a swap being n = 2. `[start, end)` of each run.
 */
export function shuffledRuns(propensities: ArrayLike<number>): [number, number][] {
  const runs: [number, number][] = [];
  for (let slot = 0; slot < propensities.length; ) {
    const length = Math.round(1 / propensities[slot]);
    if (length >= 2 && isShuffle(propensities, slot, length)) {
      runs.push([slot, slot + length]);
      slot += length;
    } else slot++;
  }
  return runs;
}

const PROPENSITY_TOLERANCE = 1e-4;

function isShuffle(propensities: ArrayLike<number>, start: number, length: number): boolean {
  if (start + length > propensities.length) return false;
  for (let i = 0; i < length; i++)
    if (Math.abs(propensities[start + i] - 1 / (length - i)) > PROPENSITY_TOLERANCE) return false;
  return true;
}
