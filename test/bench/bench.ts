import { parseArgs } from 'node:util';

/** One benchmark: prints its figures as JSON lines, then, where it helps, a table for people. Nothing is asserted. */
export interface Bench {
  /** The arguments behind its name. */
  readonly usage: string;
  /** `args`: the command line behind the benchmark's name. Throws `UsageError` where they do not fit. */
  run(args: string[], print: (line: string) => void): Promise<void>;
}

/** The command line, or a file that it names, is wrong; the message says what and where. */
export class UsageError extends Error {}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

/** Values of the given options; UsageError for an unknown one, a missing value or a positional. */
export function parsed<O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** `value`, or UsageError where the option is absent. */
export function required(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`--${option} is missing`);
  return value;
}

/** A whole number of at least `min`, or UsageError. */
export function wholeNumber(value: string, option: string, min = 0): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < min)
    throw new UsageError(`--${option}: '${value}' is not a whole number of ${min} or more`);
  return number;
}

/** `value` if it is one of `choices`, or UsageError listing them. */
export function oneOf<T extends string>(value: string, choices: readonly T[], option: string): T {
  if (!choices.includes(value as T))
    throw new UsageError(`--${option}: there is no '${value}'; it is one of ${choices.join(' ')}`);
  return value as T;
}
