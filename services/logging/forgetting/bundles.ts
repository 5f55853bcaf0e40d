import { modelPart, sourcesBy } from '../../../common/bundle/learnt-sources.ts';
import type { BundleStore } from '../../../common/bundle/store.ts';
import { decodeCatalogueScores } from '../../../common/models/catalogue-scorer.ts';

/** Removes bundles with a model that knows the user by id, unless they serve; answers those that do. */
export async function bundlesKnowing(store: BundleStore, userId: string): Promise<string[]> {
  const serving = new Set(Object.values((await store.live()) ?? {}));
  const knowing: string[] = [];
  for (const version of await store.versions()) {
    const { parts } = await store.manifest(version);
    if (!sourcesBy('scores').some((source) => Object.hasOwn(parts, modelPart(source)))) continue;
    const bundle = await store.open(version);
    for (const part of sourcesBy('scores').map(modelPart)) {
      if (!bundle.has(part) || !decodeCatalogueScores(await bundle.read(part)).users.includes(userId))
        continue;
      if (serving.has(version)) knowing.push(version);
      else await store.remove(version);
      break;
    }
  }
  return knowing;
}
