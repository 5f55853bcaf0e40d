import type { ItemFields } from '../../item-fields.ts';
import type { RuleSet } from '../rule-set.ts';
import { type RowLimit, SlateLimits } from './slate-limits.ts';

/**
 * The caps and requires that apply to the rules' last request, over some of its rows; undefined: none do. `scores`: one for each
 * of `candidateRows`. Independent of the requests to come.
 */
export function limitsOver(
  rules: RuleSet,
  candidateRows: Uint32Array,
  scores: Float32Array,
  fields: ItemFields,
): SlateLimits | undefined {
  const limits: RowLimit[] = [];
  for (const [index, { cap, require }] of rules.rules.entries()) {
    if ((cap === undefined && require === undefined) || !rules.isActive(index)) continue;
    const counted = new Uint8Array(candidateRows.length);
    for (let row = 0; row < counted.length; row++)
      if (rules.concerns(candidateRows[row], index)) counted[row] = 1;
    if (require !== undefined) limits.push({ rule: index, require: { ...require, counted } });
    else if (cap !== undefined) {
      const values = cap.field === undefined ? undefined : fields.values(cap.field);
      limits.push({ rule: index, cap: { itemsMax: cap.itemsMax, window: cap.window, values, counted } });
    }
  }
  return limits.length === 0 ? undefined : new SlateLimits(limits, scores);
}
