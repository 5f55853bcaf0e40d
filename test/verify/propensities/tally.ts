import { Columns } from '../../../common/columns.ts';
import type { SlateResult } from '../../../services/reranking/stage.ts';
import { askingStage, type Mode, SLATE } from './world.ts';

/** A share of the proof for one process: requests `from` to `to`. */
export interface TallyJob {
  readonly mode: Mode;
  readonly from: number;
  readonly to: number;
  readonly broken?: string | undefined;
}

/** Sums over the eligible arms of one slot whose probability is in one decile. */
export interface Cell {
  arms: number;
  shown: number;
  expected: number;
  variance: number;
}

export interface Tally {
  readonly mode: Mode;
  slates: number;
  /** Slots that nothing was drawn for, and how many of them said otherwise. */
  deterministic: number;
  wrong: number;
  /** By slot and decile; slot `SLATE` is the choice of the policy. */
  readonly cells: Cell[][];
}

export const DECILES = 10;
/** Ways to be wrong: requests share seeds, or what was drawn is taken away afterwards. */
export const BREAKS = ['seeds', 'taken-away'] as const;
const SHARED_SEEDS = 100;

export function emptyTally(mode: Mode): Tally {
  const cell = (): Cell => ({ arms: 0, shown: 0, expected: 0, variance: 0 });
  const cells = Array.from({ length: SLATE + 1 }, () => Array.from({ length: DECILES }, cell));
  return { mode, slates: 0, deterministic: 0, wrong: 0, cells };
}

/** Asks for the slates of the job and holds what was shown against the odds that are recorded. */
export async function tallySlates({ mode, from, to, broken }: TallyJob): Promise<Tally> {
  const ask = await askingStage(mode);
  const tally = emptyTally(mode);
  for (let request = from; request < to; request++)
    add(tally, ask(broken === 'seeds' ? request % SHARED_SEEDS : request), broken);
  return tally;
}

export function addTally(sum: Tally, part: Tally): void {
  sum.slates += part.slates;
  sum.deterministic += part.deterministic;
  sum.wrong += part.wrong;
  for (const [slot, cells] of part.cells.entries())
    for (const [decile, cell] of cells.entries()) {
      const into = sum.cells[slot][decile];
      into.arms += cell.arms;
      into.shown += cell.shown;
      into.expected += cell.expected;
      into.variance += cell.variance;
    }
}

function add(tally: Tally, { candidates, exploration }: SlateResult, broken: string | undefined): void {
  tally.slates++;
  const propensities = candidates.column(Columns.propensity);
  const drawn = new Set<number>();
  for (const { slot, arms, chosen } of exploration) {
    if (slot !== undefined) {
      drawn.add(slot);
      if (Math.abs(arms[chosen].probability - propensities[slot]) > 1e-6) tally.wrong++;
    }
    const shown = slot === undefined ? arms[chosen].arm : `i${candidates.items[slot]}`;
    const isGone = broken === 'taken-away' && slot !== undefined && Number(shown.slice(1)) % 4 === 0;
    for (const { arm, probability } of arms) {
      const cell = tally.cells[slot ?? SLATE][Math.min(DECILES - 1, Math.floor(probability * DECILES))];
      cell.arms++;
      cell.shown += Number(arm === shown && !isGone);
      cell.expected += probability;
      cell.variance += probability * (1 - probability);
    }
  }
  for (let slot = 0; slot < candidates.count; slot++) {
    if (drawn.has(slot)) continue;
    tally.deterministic++;
    if (propensities[slot] !== 1) tally.wrong++;
  }
}
