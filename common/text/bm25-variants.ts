/**
 * The variants of BM25 in Kamphuis, de Vries, Boytsov, Lin: "Which BM25 do you mean?" (ECIR 2020), as the library bm25s
 * defines them. N: documents with text; df: those holding the term; tf: its count in this one; L = 1 − b + b · length / mean length.
 *
 * | variant     | idf                                | term weight                                   |
 * | `lucene`    | ln(1 + (N − df + ½) / (df + ½))    | tf / (k1 L + tf)                              |
 * | `robertson` | max(0, ln((N − df + ½) / (df + ½)))| tf / (k1 L + tf)                              |
 * | `atire`     | ln(N / df)                         | (k1 + 1) tf / (k1 L + tf)                     |
 * | `bm25l`     | ln((N + 1) / (df + ½))             | (k1 + 1)(c + δ) / (k1 + c + δ), c = tf / L    |
 * | `bm25+`     | ln((N + 1) / df)                   | δ + (k1 + 1) tf / (k1 L + tf)                 |
 *
 * In the last two a term that is in the collection adds to documents that lack it too (the weight at tf = 0).
 */
export const BM25_VARIANTS = ['lucene', 'robertson', 'atire', 'bm25l', 'bm25+'] as const;

export type Bm25Variant = (typeof BM25_VARIANTS)[number];

export interface Bm25Options {
  readonly variant: Bm25Variant;
  /** Saturation of the term count, ≥ 0. */
  readonly k1: number;
  /** Share of the length normalisation, in [0, 1]. */
  readonly b: number;
  /** δ of `bm25l` (½ where absent) and `bm25+` (1 where absent), ≥ 0; the others have none. */
  readonly delta?: number;
}

export const bm25Defaults: Bm25Options = { variant: 'lucene', k1: 1.2, b: 0.75 };

/** One variant with its parameters set. */
export interface Bm25Formula {
  /** Inverse document frequency of a term in `df` ≥ 1 of `documents`; never negative. */
  idf(documents: number, df: number): number;
  /** Weight of a term with count `tf` ≥ 1 in a document of relative length `norm` (L above), less `absent`. Above 0. */
  gain(tf: number, norm: number): number;
  /** Weight of a term in a document without it. */
  readonly absent: number;
  /** L for a document whose length is `ratio` times the mean. */
  norm(ratio: number): number;
}

/** `bm25l` at k1 = 0 gives every document the same weight; holding the term must still count as holding it. */
const GAIN_MIN = 1e-150;

/** Throws a RangeError naming the parameter that is out of range. */
export function bm25Formula(options: Bm25Options): Bm25Formula {
  const { variant, k1, b } = options;
  const delta = options.delta ?? (variant === 'bm25l' ? 0.5 : 1);
  if (!(k1 >= 0 && k1 < Number.POSITIVE_INFINITY)) throw new RangeError(`bm25 k1 is ${k1}, not a number ≥ 0`);
  if (!(b >= 0 && b <= 1)) throw new RangeError(`bm25 b is ${b}, not in [0, 1]`);
  if (!(delta >= 0 && delta < Number.POSITIVE_INFINITY))
    throw new RangeError(`bm25 delta is ${delta}, not a number ≥ 0`);
  const norm = (ratio: number) => 1 - b + b * ratio;
  const saturated = (tf: number, length: number) => tf / (k1 * length + tf);
  const scaled = (tf: number, length: number) => (k1 + 1) * saturated(tf, length);
  switch (variant) {
    case 'lucene':
      return { norm, absent: 0, gain: saturated, idf: (n, df) => Math.log1p((n - df + 0.5) / (df + 0.5)) };
    case 'robertson':
      return {
        norm,
        absent: 0,
        gain: saturated,
        idf: (n, df) => Math.log(Math.max(1, (n - df + 0.5) / (df + 0.5))),
      };
    case 'atire':
      return { norm, absent: 0, gain: scaled, idf: (n, df) => Math.log(n / df) };
    case 'bm25+':
      return { norm, absent: delta, gain: scaled, idf: (n, df) => Math.log((n + 1) / df) };
    case 'bm25l': {
      const shifted = (c: number) =>
        delta === 0 && c === 0 ? 0 : ((k1 + 1) * (c + delta)) / (k1 + c + delta);
      const absent = shifted(0);
      const gain = (tf: number, length: number) => Math.max(GAIN_MIN, shifted(tf / length) - absent);
      return { norm, absent, gain, idf: (n, df) => Math.log((n + 1) / (df + 0.5)) };
    }
  }
}
