import type { PythonPackage } from './python.ts';

/** A model of ours beside another's implementation: same data, same settings, same threads, in one run. */
export interface Peer {
  readonly package: PythonPackage;
  /** Its data in `MILLRACE_SHARED`. */
  readonly data: string;
  /** Seconds of both and what shows that they did the same work. */
  measure(folder: string, python: string, seed: number): Promise<PeerFigures>;
}

export interface PeerFigures {
  /** Median seconds of fitting. */
  readonly ownSeconds: number;
  readonly peerSeconds: number;
  readonly [figure: string]: unknown;
}

/** The middle of the seconds of an odd number of repeats. */
export function median(seconds: readonly number[]): number {
  return seconds.toSorted((a, b) => a - b)[Math.floor(seconds.length / 2)];
}
