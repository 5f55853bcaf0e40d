import type { SlotDraw } from './item-explorer.ts';

/** A slate that one policy makes, with the odds of the slots that it drew. */
export interface ArmSlate {
  /** Ordinals in the order to show. */
  readonly items: Uint32Array;
  readonly draws: readonly SlotDraw[];
}

/** What could have stood in a slot, given the earlier slots, over all policies that could have made these. */
export interface MixedSlot {
  readonly slot: number;
  /** Items by their probability; they sum to 1. */
  readonly odds: ReadonlyMap<number, number>;
  /** The draw of the policy that was taken, if it drew this slot. */
  readonly draw: SlotDraw | undefined;
}

/** A mixture of slate policies as it looks from the slate that was shown. */
export interface MixedSlate {
  /** The probability of each shown item in its slot, given the earlier slots and nothing else. */
  readonly propensities: Float32Array;
  /** The slots where something else could have stood. */
  readonly slots: readonly MixedSlot[];
}

/**
 * The odds of a slate under a policy that was itself drawn. `probabilities`: of each policy; `slates`: what each makes, drawn slots
 * following the shown slate where they can; `taken`: the policy that made the shown slate. Given the earlier slots a policy is as
 * probable as before times the probability with which it would have made them, so that a slot's odds are the mixture by those
 * weights; a policy that could not have made an earlier slot counts no more.
 */
export function mixSlates(
  probabilities: Float64Array,
  slates: readonly ArmSlate[],
  taken: number,
): MixedSlate {
  const shown = slates[taken].items;
  const propensities = new Float32Array(shown.length).fill(1);
  const slots: MixedSlot[] = [];
  const weights = Float64Array.from(probabilities);
  for (let slot = 0; slot < shown.length; slot++) {
    const total = weights.reduce(
      (sum, weight, arm) => sum + (slot < slates[arm].items.length ? weight : 0),
      0,
    );
    const odds = new Map<number, number>();
    for (const [arm, slate] of slates.entries()) {
      if (weights[arm] === 0) continue;
      weights[arm] *= addOdds(slate, slot, weights[arm] / total, shown[slot], odds);
    }
    propensities[slot] = Math.min(1, odds.get(shown[slot]) as number);
    const draw = drawOf(slates[taken], slot);
    if (odds.size > 1 || draw !== undefined) slots.push({ slot, odds, draw });
  }
  return { propensities, slots };
}

/** Adds what may stand in the slot, times `share`; answers the probability with which the policy puts `item` there. */
function addOdds(
  slate: ArmSlate,
  slot: number,
  share: number,
  item: number,
  odds: Map<number, number>,
): number {
  if (slot >= slate.items.length) return 0;
  const draw = drawOf(slate, slot);
  if (draw === undefined) {
    const own = slate.items[slot];
    odds.set(own, (odds.get(own) ?? 0) + share);
    return own === item ? 1 : 0;
  }
  for (const [arm, other] of draw.items.entries())
    odds.set(other, (odds.get(other) ?? 0) + share * draw.probabilities[arm]);
  const arm = draw.items.indexOf(item);
  return arm === -1 ? 0 : draw.probabilities[arm];
}

function drawOf({ draws }: ArmSlate, slot: number): SlotDraw | undefined {
  return draws.find((draw) => draw.slot === slot);
}
