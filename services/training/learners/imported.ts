import { importedIndexPart, importedPart } from '../../../common/bundle/learnt-sources.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { encodeItemVectors, itemVectors } from '../../../common/models/item-vectors.ts';
import type { TrainConfig } from '../config.ts';
import type { Parts } from '../parts.ts';
import type { Progress } from '../progress.ts';
import { indexBytes } from './vectors.ts';

/** The vectors of one attribute, and an HNSW index where exact search would be slower. */
export async function importedParts(
  catalogue: Catalogue,
  configured: TrainConfig['vectors'][number],
  progress: Progress,
): Promise<Parts> {
  const imported = itemVectors(catalogue, configured);
  const { attribute, vectors, dim, space } = imported;
  const index = await indexBytes(attribute, vectors, dim, space, progress);
  return {
    [importedPart(attribute)]: encodeItemVectors(imported),
    ...(index && { [importedIndexPart(attribute)]: index }),
  };
}
