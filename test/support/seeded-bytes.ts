import type { FillBytes } from '../../common/privacy/random-bits.ts';
import { Random } from '../../common/random.ts';

/** Bytes of the seeded generator in place of cryptographic ones, so that a run can be repeated. */
export function seededBytes(seed: number): FillBytes {
  const random = new Random(seed);
  return (bytes) => {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    for (let i = 0; i < words.length; i++) words[i] = random.uint32();
  };
}
