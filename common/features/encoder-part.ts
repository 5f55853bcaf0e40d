import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { MillraceError } from '../errors.ts';
import { faultOf } from './encodings/encoders.ts';
import { type Encoding, encodingSchema, type Fitted } from './encodings/encoding.ts';

const KIND = 'feature-encoders';

/** What encodings learnt, by feature. */
export type FittedEncoders = ReadonlyMap<string, Fitted>;

export const NO_ENCODERS: FittedEncoders = new Map();

const metaSchema = z.object({
  features: z.array(z.object({ name: z.string(), encoding: encodingSchema, words: z.array(z.string()) })),
});

/** The encoders as a part of a bundle. */
export function encodersPart(
  encoders: FittedEncoders,
  encodingOf: (feature: string) => Encoding,
): Uint8Array {
  const features = [...encoders].map(([name, { words }]) => ({ name, encoding: encodingOf(name), words }));
  const numbers = [...encoders].map(([name, fitted]) => [name, fitted.numbers] as const);
  return packArrays(KIND, { features }, Object.fromEntries(numbers));
}

/** What `encodersPart` wrote. BUNDLE_DAMAGED, naming the feature whose parameters are not those of its encoding. */
export function readEncoders(bytes: Uint8Array): FittedEncoders {
  const part = unpackArrays(bytes, KIND);
  const { features } = part.meta(metaSchema);
  return new Map(
    features.map(({ name, encoding, words }) => {
      const fitted: Fitted = { words, numbers: part.array(name, 'f64').slice() };
      const fault = faultOf(encoding, fitted);
      if (fault !== undefined) throw new MillraceError('BUNDLE_DAMAGED', `${KIND}: ${name}: ${fault}`);
      return [name, fitted] as const;
    }),
  );
}
