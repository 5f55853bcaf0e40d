import { cyclicEncoder } from './cyclic.ts';
import { fitEmbedding, vectorsEncoder } from './embedding.ts';
import type {
  Encoding,
  Fitted,
  NumberEncoder,
  NumberEncoding,
  WordEncoder,
  WordEncoding,
} from './encoding.ts';
import { hashedEncoder } from './hashed.ts';
import { logEncoder } from './log.ts';
import { multiHotEncoder } from './multi-hot.ts';
import { numberEncoder } from './number.ts';
import { oneHotEncoder } from './one-hot.ts';
import { fitWordVectors } from './ppmi-vectors.ts';
import { fitQuantiles, quantileEncoder } from './quantile.ts';
import { fitTfIdf, tfIdfEncoder } from './tf-idf.ts';
import { frequentWords } from './vocabulary.ts';
import { fitZScore, zScoreEncoder } from './z-score.ts';

const UNFITTED: Fitted = { words: [], numbers: new Float64Array(0) };

/** When an encoding gets its parameters: from the training part's words, from the numbers of its rows, or never. */
export function fittedOn(encoding: Encoding): 'words' | 'rows' | 'nothing' {
  switch (encoding.kind) {
    case 'one-hot':
    case 'multi-hot':
      return encoding.values === undefined ? 'words' : 'nothing';
    case 'embedding':
    case 'tf-idf':
    case 'word-vectors':
      return 'words';
    case 'z-score':
    case 'quantile':
      return 'rows';
    default:
      return 'nothing';
  }
}

/** The encoder of numbers; what is fitted on rows passes them on while it is not. */
export function numberEncoderOf(encoding: NumberEncoding, fitted: Fitted | undefined): NumberEncoder {
  switch (encoding.kind) {
    case 'log':
      return logEncoder;
    case 'cyclic':
      return cyclicEncoder(encoding.period);
    case 'z-score':
      return fitted === undefined ? numberEncoder : zScoreEncoder(fitted);
    case 'quantile':
      return fitted === undefined ? numberEncoder : quantileEncoder(fitted);
    case 'number':
      return numberEncoder;
  }
}

/** The encoder of words; without `fitted` what learns words knows none. */
export function wordEncoderOf(encoding: WordEncoding, fitted: Fitted = UNFITTED): WordEncoder {
  switch (encoding.kind) {
    case 'one-hot':
      return oneHotEncoder(encoding.values ?? fitted.words);
    case 'multi-hot':
      return multiHotEncoder(encoding.values ?? fitted.words);
    case 'hashed':
      return hashedEncoder(encoding.buckets);
    case 'tf-idf':
      return tfIdfEncoder(fitted);
    case 'embedding':
    case 'word-vectors':
      return vectorsEncoder(fitted, encoding.dim);
  }
}

/** What words are fitted on: the values of the training part, and which of them occur together. */
export interface WordBags {
  /** The words of each value. */
  readonly values: readonly (readonly string[])[];
  /** See `fitEmbedding`. */
  readonly together: readonly (readonly string[])[];
}

export function fitWords(encoding: WordEncoding, { values, together }: WordBags): Fitted {
  switch (encoding.kind) {
    case 'one-hot':
    case 'multi-hot':
      return { words: frequentWords(values, encoding.max).words, numbers: new Float64Array(0) };
    case 'tf-idf':
      return fitTfIdf(values, encoding.terms);
    case 'word-vectors':
      return fitWordVectors(values, encoding.dim, encoding.max);
    case 'embedding':
      return fitEmbedding(together, encoding.dim, encoding.max);
    case 'hashed':
      return UNFITTED;
  }
}

/** Parameters from a column of the training rows. */
export function fitRows(encoding: NumberEncoding, values: Float32Array): Fitted {
  return encoding.kind === 'quantile' ? fitQuantiles(values, encoding.knots) : fitZScore(values);
}

/** Whether parameters that were read are those of the encoding: a fault as text, or undefined. */
export function faultOf(encoding: Encoding, { words, numbers }: Fitted): string | undefined {
  if (numbers.some((value) => !Number.isFinite(value))) return 'a parameter is not finite';
  if (new Set(words).size < words.length) return 'a word stands twice';
  const wanted =
    encoding.kind === 'z-score'
      ? 2
      : encoding.kind === 'tf-idf'
        ? words.length
        : encoding.kind === 'embedding' || encoding.kind === 'word-vectors'
          ? words.length * encoding.dim
          : undefined;
  if (wanted !== undefined && numbers.length !== wanted)
    return `${numbers.length} parameters, ${wanted} expected`;
  if (encoding.kind === 'quantile') {
    if (numbers.length !== 0 && numbers.length !== encoding.knots)
      return `${numbers.length} knots, ${encoding.knots} expected`;
    for (let i = 1; i < numbers.length; i++)
      if (numbers[i] < numbers[i - 1]) return 'knots are not ascending';
  }
  return undefined;
}
