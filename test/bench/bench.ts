/** One benchmark: prints its figures as JSON lines, then a table for people. Nothing is asserted. */
export type Bench = (options: BenchOptions) => Promise<void>;

export interface BenchOptions {
  /** A form of a few seconds whose figures mean little. */
  readonly short: boolean;
  /** Calls to measure; absent: as many as the benchmark needs. */
  readonly calls: number | undefined;
  /** Where the benchmark keeps its data from run to run; absent: in a temporary folder. */
  readonly home: string | undefined;
  /** Takes a line. */
  readonly print: (line: string) => void;
}
