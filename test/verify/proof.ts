/** One long proof: prints its figures and answers whether its promise holds. */
export type Proof = (options: ProofOptions) => Promise<boolean>;

export interface ProofOptions {
  /** The form that fits into a test run. */
  readonly short: boolean;
  /** A wrong way of doing what is proven, for proofs that have some: the promise must then be broken. */
  readonly broken?: string | undefined;
  /** The first seed, for proofs that take one; theirs where it is undefined. */
  readonly seed?: number | undefined;
  /** Takes a line of figures. */
  readonly print: (line: string) => void;
}
