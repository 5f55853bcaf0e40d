import { type LearntSource, sourcesBy } from '../../../common/bundle/learnt-sources.ts';
import { settingsOf } from '../config.ts';
import { openBm25 } from './bm25.ts';
import { openFresh } from './fresh.ts';
import { importedSources, openImported } from './imported.ts';
import { openNeighbours } from './neighbours.ts';
import { openPopularity } from './popularity.ts';
import { openScores } from './scores.ts';
import type { Source, SourceContext, SourceKind } from './source.ts';
import { openVectors } from './vectors.ts';

/** Every source: learnt ones by how they answer, then those with code of their own. A new one of these is a file and a row. */
export const SOURCES: Readonly<Record<string, SourceKind>> = {
  ...learnt(sourcesBy('vectors'), openVectors),
  ...learnt(sourcesBy('neighbours'), openNeighbours),
  ...learnt(sourcesBy('scores'), openScores),
  bm25: { personal: true, open: openBm25 },
  popularity: { personal: false, open: openPopularity },
  fresh: { personal: false, open: openFresh },
};

function learnt(
  names: readonly LearntSource[],
  open: (name: LearntSource, context: SourceContext) => Promise<Source | undefined>,
): Record<string, SourceKind> {
  return Object.fromEntries(
    names.map((name) => [name, { personal: true, open: (context) => open(name, context) }]),
  );
}

/** A source that a bundle has and the configuration enables. */
export interface OpenSource {
  readonly name: string;
  readonly personal: boolean;
  readonly quota: number;
  readonly weight: number;
  readonly source: Source;
}

/** The enabled sources for which the bundle has parts, in the order of the table, those of imported vectors after them. */
export async function openSources(context: SourceContext): Promise<OpenSource[]> {
  const open: OpenSource[] = [];
  const imported = importedSources(context.bundle).map((name): [string, SourceKind] => [
    name,
    { personal: true, open: (own) => openImported(name, own) },
  ]);
  for (const [name, { personal, open: openOne }] of [...Object.entries(SOURCES), ...imported]) {
    const { enabled, quota, weight } = settingsOf(context.config, name);
    const source = enabled ? await openOne(context) : undefined;
    if (source !== undefined) open.push({ name, personal, quota, weight, source });
  }
  return open;
}
