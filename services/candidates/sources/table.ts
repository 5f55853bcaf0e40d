import type { SourceName } from '../config.ts';
import { openBm25 } from './bm25.ts';
import { openFresh } from './fresh.ts';
import { openIals } from './ials.ts';
import { openItemToItem } from './item-to-item.ts';
import { openPopularity } from './popularity.ts';
import type { Source, SourceContext, SourceKind } from './source.ts';

/** Every source. A new one is a file beside this one, a row here and a line in config.ts. */
export const SOURCES: Readonly<Record<SourceName, SourceKind>> = {
  ials: { personal: true, open: openIals },
  item_to_item: { personal: true, open: openItemToItem },
  bm25: { personal: true, open: openBm25 },
  popularity: { personal: false, open: openPopularity },
  fresh: { personal: false, open: openFresh },
};

/** A source that a bundle has and the configuration enables. */
export interface OpenSource {
  readonly name: string;
  readonly personal: boolean;
  readonly quota: number;
  readonly weight: number;
  readonly source: Source;
}

/** The enabled sources for which the bundle has parts, in the order of the table. */
export async function openSources(context: SourceContext): Promise<OpenSource[]> {
  const open: OpenSource[] = [];
  for (const [name, { personal, open: openOne }] of Object.entries(SOURCES)) {
    const { enabled, quota, weight } = context.config.sources[name as SourceName];
    const source = enabled ? await openOne(context) : undefined;
    if (source !== undefined) open.push({ name, personal, quota, weight, source });
  }
  return open;
}
