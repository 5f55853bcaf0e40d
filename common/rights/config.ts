import { z } from 'zod';

/** What people may ask for: the section `rights`. */
export const rightsSchema = z.strictObject({
  /**
   * The file of the keys that people's ids are hashed with before anything is stored, relative to MILLRACE_HOME. Absent: ids are stored
   * as they come.
   */
  pseudonymKeys: z.string().min(1).optional(),
  /** Hours within which a person is to be forgotten; what is pending then is reported as overdue. */
  forgetDeadlineHours: z.number().positive().default(24),
  /** How often what is pending is tried again, seconds. */
  forgetRetrySeconds: z.number().positive().default(1),
});
