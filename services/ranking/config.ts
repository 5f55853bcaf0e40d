import { z } from 'zod';

/** Rows that one request may have. */
export const ROWS_MAX = 10_000;

export const rankingSchema = z.strictObject({});
