import { Part } from '../../../common/bundle/manifest.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import { decodePopularity, type PopularityModel } from '../../../common/models/popularity.ts';
import { TopK } from '../../../common/top-k.ts';
import { LIMIT_MAX } from '../config.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { LiveCounters, Source, SourceContext } from './source.ts';

/** Items kept in order: the longest list that can be asked for, and as much again for what a user has seen. */
const ORDER_MAX = 2 * LIMIT_MAX;
/** Least time between two sortings. */
const REFRESH_MS = 250;

/**
 * Items by the bundle's popularity plus the positive events counted live since its log offset, so that an item newer than
 * the bundle ranks as soon as people take to it. The order is sorted when counters arrive, never on a request.
 */
export async function openPopularity({ bundle, counters }: SourceContext): Promise<Source | undefined> {
  if (!bundle.has(Part.popularity)) return undefined;
  const base = bundle.has(Part.counters)
    ? await bundle.decoded(Part.counters, ItemCounters.read)
    : ItemCounters.none;
  return new PopularitySource(await bundle.decoded(Part.popularity, decodePopularity), base, counters);
}

class PopularitySource implements Source {
  readonly #model: PopularityModel;
  readonly #base: ItemCounters;
  readonly #counters: LiveCounters;
  readonly #stop: () => void;
  readonly #top = new TopK();
  #items = new Uint32Array(0);
  #scores = new Float32Array(0);
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(model: PopularityModel, base: ItemCounters, counters: LiveCounters) {
    this.#model = model;
    this.#base = base;
    this.#counters = counters;
    this.#refresh();
    this.#stop = counters.onVersion(() => this.#refreshSoon());
  }

  retrieve(query: Query, quota: number, out: Hits): void {
    const items = this.#items;
    for (let i = 0; i < items.length && out.count < quota; i++)
      if (!query.skips(items[i])) out.push(items[i], this.#scores[i]);
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
  }

  #refreshSoon(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#refreshedMs + REFRESH_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#refresh();
    }, waitMs);
    this.#timer.unref();
  }

  #refresh(): void {
    this.#refreshedMs = performance.now();
    const bundled = this.#model.scores;
    const before = this.#base.column('positive');
    const now = this.#counters.current?.column('positive') ?? before;
    const top = this.#top;
    top.reset(ORDER_MAX);
    for (let item = 0; item < bundled.length || item < now.length; item++) {
      const since = Math.max(0, (now[item] ?? 0) - (before[item] ?? 0));
      const score = Math.fround((bundled[item] ?? 0) + since);
      if (score >= top.floor) top.offer(item, score);
    }
    const count = top.sort();
    this.#items = top.rows.slice(0, count);
    this.#scores = Float32Array.from(top.scores.subarray(0, count));
  }
}
