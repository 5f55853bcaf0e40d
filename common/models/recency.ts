import { z } from 'zod';
import type { InteractionMatrix } from './interactions.ts';

/** How much less an older event of the same person counts. Distances are counted in that person's own events. */
export interface RecencyOptions {
  /** Events after which the fading part of the weight has halved; finite, above 0. */
  readonly halfLifeEvents: number;
  /** The part that never fades, in [0, 1]; 1: all events count alike. */
  readonly floor: number;
}

export const recencySchema: z.ZodType<RecencyOptions> = z.object({
  halfLifeEvents: z.number().positive(),
  floor: z.number().min(0).max(1),
});

/** All events count alike. */
export const noRecency: RecencyOptions = { halfLifeEvents: 1, floor: 1 };

/** Whether the data says which event came first: equal times throughout are no order. */
export function isOrdered({ times }: InteractionMatrix): boolean {
  return times.some((time) => time !== times[0]);
}

/** Weight in [floor, 1] of the event `age` events before the newest (the newest has age 0). */
export function recencyWeight(age: number, { halfLifeEvents, floor }: RecencyOptions): number {
  return floor + (1 - floor) * 2 ** (-age / halfLifeEvents);
}

/** `matrix` with every weight multiplied by its recency within the row; rows must be ordered oldest first. */
export function withRecency(matrix: InteractionMatrix, options: RecencyOptions): InteractionMatrix {
  const weights = matrix.weights.slice();
  for (let row = 0; row < matrix.rowCount; row++) {
    const end = matrix.offsets[row + 1];
    for (let entry = matrix.offsets[row]; entry < end; entry++) {
      weights[entry] *= recencyWeight(end - 1 - entry, options);
    }
  }
  return { ...matrix, weights };
}
