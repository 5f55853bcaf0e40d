/**
 * Retrieval sources that are learnt, and how each answers: `vectors` by inner product of the user's vector with the items',
 * `neighbours` by the weights of the history's items towards others, `scores` by scoring every item for a user known by id. A source's part bears its name with hyphens; a
 * nearest-neighbour index over its vectors is beside it where exact search would be slower.
 */
const LEARNT_SOURCES = {
  ials: 'vectors',
  bprmf: 'vectors',
  lightgcn: 'vectors',
  svd: 'vectors',
  als: 'vectors',
  gmf: 'vectors',
  twotower: 'vectors',
  item_to_item: 'neighbours',
  ease: 'neighbours',
  mlp: 'scores',
  neumf: 'scores',
} as const;

export type LearntSource = keyof typeof LEARNT_SOURCES;

export const learntSources = Object.keys(LEARNT_SOURCES) as LearntSource[];

/** The learnt sources that answer by `kind`. */
export function sourcesBy(kind: (typeof LEARNT_SOURCES)[LearntSource]): LearntSource[] {
  return learntSources.filter((source) => LEARNT_SOURCES[source] === kind);
}

/** The bundle part that holds the model of a source. */
export function modelPart(source: LearntSource): LearntPart {
  return source.replaceAll('_', '-') as LearntPart;
}

/** The bundle part that holds the index over the vectors of a source. */
export function indexPart(source: LearntSource): `${LearntPart}-index` {
  return `${modelPart(source)}-index`;
}

type Hyphenated<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}-${Hyphenated<Tail>}`
  : S;
export type LearntPart = Hyphenated<LearntSource>;

const IMPORTED = 'vectors-';
export type ImportedPart = `${typeof IMPORTED}${string}`;

/** The bundle part with the vectors of an attribute that items were imported with; the attribute names the source. */
export function importedPart(source: string): ImportedPart {
  return `${IMPORTED}${source}`;
}

/** The bundle part that holds the index over them. */
export function importedIndexPart(source: string): ImportedPart {
  return `${IMPORTED}${source}-index`;
}
