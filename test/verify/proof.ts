/** One long proof: prints its figures and answers whether its promise holds. */
export type Proof = (options: ProofOptions) => Promise<boolean>;

export interface ProofOptions {
  /** The form that fits into a test run. */
  readonly short: boolean;
  /** Takes a line of figures. */
  readonly print: (line: string) => void;
}
