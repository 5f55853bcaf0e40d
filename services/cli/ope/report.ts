import type { IntervalRow } from '../../../common/charts/interval-chart.ts';
import type { PolicyValue, Valuation } from '../../../common/ope/policy-value.ts';
import { tableLines } from '../table.ts';

/** A policy's valuation, under the name that is printed. */
export interface NamedValuation {
  readonly policy: string;
  readonly valuation: Valuation;
  /** Its mean reward where it was itself at work: what the estimators are to find. */
  readonly onPolicy?: Omit<PolicyValue, 'estimator'>;
}

/** Name of the row of `onPolicy`. */
const ON_POLICY = 'on-policy';

const COLUMNS = [
  { title: 'policy' },
  { title: 'estimator' },
  ...['value', 'error', '95% normal', '95% bootstrap', 'rounds worth'].map(
    (title) => ({ title, align: 'right' }) as const,
  ),
];

/** One line an estimator: value, standard error, both intervals, and as many rounds of the policy's own as tell about as much. */
export function valueTable(
  valuations: readonly NamedValuation[],
  titleStyle?: (line: string) => string,
): string[] {
  const rows = valuations.flatMap((named) =>
    rowsOf(named).map(({ estimator, value, standardError, normal, bootstrap, effectiveRounds }) => [
      named.policy,
      estimator,
      figure(value),
      figure(standardError),
      `${figure(normal.low)}…${figure(normal.high)}`,
      bootstrap === undefined ? '' : `${figure(bootstrap.low)}…${figure(bootstrap.high)}`,
      effectiveRounds.toFixed(0),
    ]),
  );
  return tableLines(COLUMNS, rows, titleStyle);
}

/** One JSON line an estimator, with `more` first. */
export function valueJson(
  valuations: readonly NamedValuation[],
  more: Record<string, string> = {},
): string[] {
  return valuations.flatMap((named) => {
    const { weights: _, ...overlap } = named.valuation.overlap;
    return rowsOf(named).map((row) => JSON.stringify({ ...more, policy: named.policy, ...row, overlap }));
  });
}

/** As `men: mean weight 0.985 ± 0.019, largest 7.8, 0.00% of its draws without support`. */
export function overlapLines(valuations: readonly NamedValuation[]): string[] {
  return valuations.map(({ policy, valuation: { overlap } }) => {
    const { meanWeight, meanWeightError, largestWeight, unsupported } = overlap;
    return `${policy}: mean weight ${meanWeight.toFixed(3)} ± ${(2 * meanWeightError).toFixed(3)}, largest ${largestWeight.toFixed(1)}, ${(100 * unsupported).toFixed(2)}% of its draws without support`;
  });
}

/** Rows of a chart: the bootstrap's intervals, or the normal ones where there are none. Estimates without a value are left out. */
export function chartRows(valuations: readonly NamedValuation[]): IntervalRow[] {
  return valuations.flatMap((named, group) =>
    rowsOf(named)
      .filter(({ value }) => Number.isFinite(value))
      .map(({ estimator, value, normal, bootstrap = normal }) => ({
        name: `${named.policy} · ${estimator}`,
        value,
        interval: bootstrap,
        group,
      })),
  );
}

type Row = Omit<PolicyValue, 'estimator'> & { readonly estimator: string };

function rowsOf({ valuation, onPolicy }: NamedValuation): Row[] {
  return [...valuation.values, ...(onPolicy === undefined ? [] : [{ ...onPolicy, estimator: ON_POLICY }])];
}

function figure(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 2 : 5);
}
