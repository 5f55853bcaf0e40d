import { z } from 'zod';
import { bloomEngines } from '../../common/bloom/filter.ts';

/** Rows that one request may have. */
export const ROWS_MAX = 10_000;

export const filteringSchema = z.strictObject({
  /** Implementation of the Bloom filters: `typed` is some thousand times faster, `bloom-filters` is the npm package. */
  engine: z.enum(bloomEngines).default('typed'),
});
