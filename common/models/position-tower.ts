import type { Column, Values } from '../onnx/batches.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { gemm, reshape } from '../onnx/operators.ts';

/** The slots in which examples were shown, which bias their labels: what is not looked at is not clicked. */
export interface PositionBias {
  /** Slot of each example, 0 first. */
  readonly positions: Uint32Array;
  /**
   * P(examined) by slot relative to slot 0, above 0: labels then count 1 / propensity, which makes the expected loss that of
   * slot 0 (inverse propensity weighting: Joachims et al., WSDM 2017; Saito et al., WSDM 2020). Absent: a position tower, a logit
   * a slot beside the model's in training, none in serving (Zhao et al., RecSys 2019), and the scores are those of slot 0.
   */
  readonly propensities?: ArrayLike<number>;
}

/** Slots that the tower tells apart; those beyond count as the last one. */
const SLOTS_MAX = 64;

/** The logit [N] of each example's slot, 0 for slot 0 and at the start; undefined where all are in slot 0. */
export function positionTower(
  graph: Graph,
  positions: Uint32Array,
): { logit: Value; column: Column } | undefined {
  const last = Math.min(
    SLOTS_MAX - 1,
    positions.reduce((most, slot) => Math.max(most, slot), 0),
  );
  if (last === 0) return undefined;
  const slots = graph.input('slots', ['N', last]);
  const weights = graph.parameter('slot_logits', [last, 1], new Float32Array(last), false);
  const compute = (rows: Uint32Array, into: Values): void => {
    into.fill(0);
    for (let i = 0; i < rows.length; i++) {
      const slot = Math.min(positions[rows[i]], last);
      if (slot > 0) into[i * last + slot - 1] = 1;
    }
  };
  return {
    logit: reshape(gemm(slots, weights), ['N']),
    column: { input: slots, rows: positions.length, compute },
  };
}

/** Labels over the propensities of their slots, where there are any: a positive counts for those that were not looked at. */
export function correctedLabels(labels: Float32Array, bias: PositionBias | undefined): Float32Array {
  if (bias?.propensities === undefined) return labels;
  const { positions, propensities } = bias;
  return labels.map((label, row) => label / propensities[positions[row]]);
}
