import type { Random } from '../random.ts';
import { metrics } from '../telemetry/metrics.ts';
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

/** A false-positive rate as it was measured so far, exported for a kind of filter. */
export class ObservedRate {
  readonly #gauge: ReturnType<typeof metrics.bloomFalsePositiveRatio.labels>;
  #probes = 0;
  #positives = 0;

  /** `filter`: what the filters hold, as `seen`. */
  constructor(filter: string) {
    this.#gauge = metrics.bloomFalsePositiveRatio.labels({ filter });
  }

  /** Of `probes` keys that are in no filter's set, `positives` were taken for members. */
  observe(probes: number, positives: number): void {
    if (probes === 0) return;
    this.#probes += probes;
    this.#positives += positives;
    this.#gauge.set(this.#positives / this.#probes);
  }
}
