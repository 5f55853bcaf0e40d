import type { Random } from '../random.ts';
import type { BloomFilter } from './filter.ts';

const BATCH = 1024;

/**
 * The false-positive rate as measured: the share of `probes` random keys of [0, keyBound), none of which `isMember`, that
 * `filter` takes for members. At least one key of the range must not be a member.
 */
export function measureBloomRate(
  filter: BloomFilter,
  isMember: (key: number) => boolean,
  keyBound: number,
  probes: number,
  random: Random,
): number {
  const keys = new Uint32Array(Math.min(BATCH, probes));
  const hits = new Uint8Array(keys.length);
  let positives = 0;
  for (let done = 0; done < probes; done += keys.length) {
    const count = Math.min(keys.length, probes - done);
    for (let i = 0; i < count; i++) {
      do keys[i] = random.int(keyBound);
      while (isMember(keys[i]));
    }
    filter.hasAll(keys, hits);
    for (let i = 0; i < count; i++) positives += hits[i];
  }
  return positives / probes;
}
