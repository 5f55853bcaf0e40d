import { Part } from '../../../common/bundle/manifest.ts';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { Source, SourceContext } from './source.ts';

/** New items looked at per item wanted, at most. */
const STRETCH = 10;

/** Items that came after the bundle, newest first. The score counts them from the bundle on. */
export async function openFresh({ bundle, catalogue }: SourceContext): Promise<Source> {
  return new FreshSource(catalogue, Catalogue.sizeIn(await bundle.read(Part.catalogue)));
}

class FreshSource implements Source {
  readonly #catalogue: Catalogue;
  readonly #known: number;

  /** `known`: ordinals that the bundle has. */
  constructor(catalogue: Catalogue, known: number) {
    this.#catalogue = catalogue;
    this.#known = known;
  }

  retrieve(query: Query, quota: number, out: Hits): void {
    const newest = this.#catalogue.size - 1;
    const oldest = Math.max(this.#known, newest - STRETCH * quota);
    for (let item = newest; item >= oldest && out.count < quota; item--)
      if (!query.skips(item) && this.#isAvailable(item, query.timeMs)) out.push(item, item - this.#known + 1);
  }

  /** Many new items are announced ahead: they are not to use up the quota. */
  #isAvailable(ordinal: number, timeMs: number): boolean {
    const item = this.#catalogue.item(ordinal);
    if (item === undefined) return false;
    return item.availableFromMs <= timeMs && (item.availableUntilMs === 0 || timeMs < item.availableUntilMs);
  }
}
