import { z } from 'zod';
import type { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { fieldError } from '../errors.ts';
import type { ExactNoise } from './exact-noise.ts';
import { type LocalMechanism, localMechanism, type ShareEstimate } from './local-mechanisms.ts';

const VALUES_MAX = 64;

/** A field of feedback that is randomised where it arrives, before anything is stored. */
export const localPrivacySchema = z
  .strictObject({
    field: z.enum(['value', 'device', 'locale', 'surface', 'region']),
    /** Every value that the field may have; others are refused. */
    values: z
      .array(z.union([z.number(), z.string().min(1).max(VALUES_MAX)]))
      .min(2)
      .max(VALUES_MAX),
    /** k-ary randomised response stores one of the values; optimised unary encoding a text of a 0 or 1 for each. */
    mechanism: z.enum(['krr', 'oue']).default('krr'),
    /** What one report may tell of the value. */
    epsilon: z.number().min(1e-3).max(20),
    /** Actions whose feedback has the field randomised. Absent: all. */
    actions: z
      .array(z.enum([...ACTION_BY_NAME.keys()]))
      .min(1)
      .optional(),
  })
  .refine(({ values }) => new Set(values).size === values.length, {
    path: ['values'],
    message: 'one is there twice',
  })
  .refine(
    ({ field, values }) => values.every((value) => (field === 'value') === (typeof value === 'number')),
    {
      path: ['values'],
      message: 'the field value has numbers, the others have texts',
    },
  )
  .refine(({ field, mechanism }) => field !== 'value' || mechanism === 'krr', {
    path: ['mechanism'],
    message: 'oue stores a text; the field value is a number',
  });
export type LocalPrivacyConfig = z.output<typeof localPrivacySchema>;

/** What of feedback may be randomised. */
type Randomised = Pick<Feedback, 'action' | 'value' | 'context'>;

/** A declared field: its reports instead of its values, and shares from many reports. */
export class LocalField {
  readonly #config: LocalPrivacyConfig;
  /** The declared values as they are compared: numbers as feedback holds them, in single precision. */
  readonly #values: readonly string[];
  readonly #mechanism: LocalMechanism;
  readonly #actions: ReadonlySet<number> | undefined;

  constructor(config: LocalPrivacyConfig) {
    this.#config = config;
    this.#values = config.values.map(textOf);
    this.#mechanism = localMechanism(config.mechanism, config.values.length, config.epsilon);
    this.#actions =
      config.actions && new Set(config.actions.map((name) => ACTION_BY_NAME.get(name) as number));
  }

  /** The feedback with a report in place of the value. FIELD_INVALID under `at` for a value that is not declared; none stays none. */
  randomised<F extends Randomised>(feedback: F, at: string, noise: ExactNoise): F {
    if (this.#actions?.has(feedback.action) === false) return feedback;
    const { field } = this.#config;
    if (field === 'value') {
      if (feedback.value === undefined) return feedback;
      return { ...feedback, value: Number(this.#report(textOf(feedback.value), `${at}.value`, noise)) };
    }
    if (!feedback.context?.[field]) return feedback;
    const report = this.#report(feedback.context[field], `${at}.context.${field}`, noise);
    return { ...feedback, context: { ...feedback.context, [field]: report } };
  }

  /** Shares of the values with 99% intervals. `counts`: how often each report was stored; other texts than reports are passed over. */
  estimates(counts: ReadonlyMap<string, number>): { reports: number; shares: Map<string, ShareEstimate> } {
    const { values, mechanism } = this.#config;
    const named = values.map(() => 0);
    let reports = 0;
    for (const [report, count] of counts) {
      const indexes = mechanism === 'oue' ? onesOf(report, values.length) : this.#indexesOf(report);
      if (indexes === undefined) continue;
      reports += count;
      for (const index of indexes) named[index] += count;
    }
    const shares = this.#mechanism.estimate(named, reports);
    return { reports, shares: new Map(values.map((value, i) => [String(value), shares[i]])) };
  }

  #report(value: string, field: string, noise: ExactNoise): string {
    const index = this.#values.indexOf(value);
    if (index === -1) throw fieldError(field, 'is none of the values declared in orchestrator.localPrivacy');
    const named = this.#mechanism.report(index, noise);
    if (this.#config.mechanism === 'krr') return this.#values[named[0]];
    return this.#values.map((_, i) => (named.includes(i) ? '1' : '0')).join('');
  }

  #indexesOf(report: string): number[] | undefined {
    const index = this.#values.indexOf(this.#config.field === 'value' ? textOf(Number(report)) : report);
    return index === -1 ? undefined : [index];
  }
}

function onesOf(report: string, length: number): number[] | undefined {
  if (report.length !== length || !/^[01]+$/.test(report)) return undefined;
  return [...report].flatMap((bit, i) => (bit === '1' ? [i] : []));
}

function textOf(value: string | number): string {
  return typeof value === 'number' ? String(Math.fround(value)) : value;
}
