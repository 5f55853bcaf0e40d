import type { BloomEngine, BloomFilter, BloomShape } from './filter.ts';
import { parseBloom } from './header.ts';
import { PackageBloom } from './package.ts';
import { TypedBloom } from './typed.ts';

const engines = { typed: TypedBloom, 'bloom-filters': PackageBloom } as const;

/** An empty filter. `seed`: uint32; filters of different seeds err on different keys. */
export function createBloom(engine: BloomEngine, shape: BloomShape, seed: number): BloomFilter {
  return new engines[engine](shape, seed);
}

/** Restores a serialised filter of either engine. Throws naming what is wrong with damaged bytes. */
export function readBloom(bytes: Uint8Array): BloomFilter {
  const { header, payload } = parseBloom(bytes);
  return engines[header.engine].restore(header, payload);
}
