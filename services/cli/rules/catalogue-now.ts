import { join } from 'node:path';
import { Part } from '../../../common/bundle/manifest.ts';
import { type Bundle, BundleStore } from '../../../common/bundle/store.ts';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import type { ConfigSource } from '../../../common/config.ts';
import { decodeEvent, peekEvent } from '../../../common/log/events.ts';
import { findLogReader } from '../../../common/log/open-log.ts';
import { EventKind } from '../../../gen/millrace/logging/v1/logging.ts';
import type { Progress } from '../../training/progress.ts';

/** The champion with the catalogue as the log has it now. */
export interface CatalogueNow {
  readonly bundle: Bundle;
  readonly catalogue: Catalogue;
}

/** Undefined while no bundle is live. */
export async function catalogueNow(
  source: ConfigSource,
  progress: Progress,
): Promise<CatalogueNow | undefined> {
  const store = new BundleStore(join(source.home, 'bundles'));
  const live = await store.live();
  if (live === undefined) return undefined;
  const bundle = await store.open(live.champion);
  const fold = new CatalogueFold(Catalogue.read(await bundle.read(Part.catalogue)));
  await using log = await findLogReader(source);
  const end = log?.endOffset ?? 0;
  const first = Math.max(bundle.manifest.logOffset, log?.firstOffset ?? 0);
  let offset = first;
  while (log !== undefined && offset < end) {
    const { payloads } = await log.read(offset);
    for (const payload of payloads)
      if (payload.length > 0 && peekEvent(payload).kind === EventKind.EVENT_KIND_CATALOGUE)
        fold.apply(decodeEvent(payload));
    offset += payloads.length;
    progress('reading the catalogue', offset - first, end - first);
  }
  return { bundle, catalogue: fold.catalogue };
}
