import type { Bundle } from '../../common/bundle/store.ts';
import { Candidates } from '../../common/columns.ts';
import type { FeatureDeclaration } from '../../common/features/declaration.ts';
import type { DeclaredFeature } from '../../common/features/declared.ts';
import {
  fitRows,
  fittedOn,
  fitWords,
  numberEncoderOf,
  type WordBags,
} from '../../common/features/encodings/encoders.ts';
import type { Fitted, NumberEncoding, WordEncoding } from '../../common/features/encodings/encoding.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { FAILED, type Words } from '../../common/features/readers.ts';
import { FeatureRequest } from '../../common/features/request.ts';
import {
  columnsOf,
  type FeatureSchema,
  featureSchema,
  schemaOfBundle,
  withEncoders,
} from '../../common/features/schema.ts';
import type { InteractionMatrix } from '../../common/models/interactions.ts';
import { anonymousUser } from '../../common/user-state.ts';
import type { NoTeacher } from './champion.ts';
import { rankedSources, type TrainConfig } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import type { GroupedExamples } from './examples.ts';
import type { RankerExamples } from './ranker-examples.ts';

/** What the schema of a run follows from. */
interface Run {
  readonly data: Pick<LogData, 'catalogue' | 'profiles' | 'users'>;
  readonly config: TrainConfig;
  readonly declared: readonly DeclaredFeature[];
  readonly champion: Bundle | NoTeacher;
}

/**
 * The schema that the configuration chooses, its words fitted on the values of users and items in `matrix`, which must hold the training
 * part alone; or with the champion's encoders, where the configuration says so and the champion has the same features.
 */
export async function schemaOfRun(run: Run, matrix: InteractionMatrix): Promise<FeatureSchema> {
  const { config, declared } = run;
  const { features: choice, encoders } = config.ranker;
  const schema = featureSchema(rankedSources(config), { choice, declared });
  if (encoders === 'champion' && !('skipped' in run.champion)) {
    const taken = withEncoders(schema, (await schemaOfBundle(run.champion)).encoders);
    if (taken.hash === run.champion.manifest.featureSchemaHash) return taken;
  }
  return withEncoders(schema, fittedWords(schema.features, run, matrix));
}

/**
 * The same examples with the encodings that are fitted on rows: on `train`, applied to both parts. What serves afterwards makes the same
 * float32 from a raw value, since those encodings take it as a float32.
 */
export function withFittedRows(examples: RankerExamples): RankerExamples {
  const { schema, train, validation } = examples;
  const fitted = new Map<string, Fitted>();
  let column = 0;
  for (const feature of schema.features) {
    const { name, encoding } = feature;
    if (fittedOn(encoding) === 'rows' && !schema.encoders.has(name)) {
      const parameters = fitRows(encoding as NumberEncoding, columnOf(train, column));
      const [encode] = numberEncoderOf(encoding as NumberEncoding, parameters).encode;
      for (const { features, width } of [train, validation])
        for (let at = column; at < features.length; at += width) features[at] = encode(features[at]);
      fitted.set(name, parameters);
    }
    column += columnsOf(feature, schema.encoders).length;
  }
  if (fitted.size === 0) return examples;
  return { ...examples, schema: withEncoders(schema, new Map([...schema.encoders, ...fitted])) };
}

function columnOf({ rows, width, features }: GroupedExamples, column: number): Float32Array {
  return Float32Array.from({ length: rows }, (_, row) => features[row * width + column]);
}

function fittedWords(
  features: readonly FeatureDeclaration[],
  run: Run,
  matrix: InteractionMatrix,
): ReadonlyMap<string, Fitted> {
  const fitted = new Map<string, Fitted>();
  for (const feature of features) {
    if (fittedOn(feature.encoding) !== 'words') continue;
    fitted.set(feature.name, fitWords(feature.encoding as WordEncoding, bagsOf(feature, run, matrix)));
  }
  return fitted;
}

/** A row of the matrix is a user; its transpose lists the users of an item. */
function bagsOf({ read }: FeatureDeclaration, { data }: Run, matrix: InteractionMatrix): WordBags {
  if (read.of === 'item-words') {
    const ofItem = memoised((ordinal) => {
      const item = data.catalogue.item(ordinal);
      return item === undefined ? [] : read.words(item);
    });
    const items = new Set(matrix.columns);
    const rows = Array.from({ length: matrix.rowCount }, (_, row) =>
      matrix.columns.subarray(matrix.offsets[row], matrix.offsets[row + 1]),
    );
    return {
      values: [...items].sort((a, b) => a - b).map(ofItem),
      together: rows.map((row) => Array.from(row, ofItem).flat()),
    };
  }
  if (read.of !== 'request-words') return { values: [], together: [] };
  const items = new ItemColumns(data.catalogue);
  const ofUser = memoised((user) => {
    const profile = data.profiles.get(data.users[user]) ?? {};
    const nobody = { candidates: Candidates.empty, timeMs: 0, counters: ItemCounters.none };
    return read.words(new FeatureRequest({ ...nobody, user: { ...anonymousUser, profile } }, items));
  });
  const ofItem = new Map<number, number[]>();
  const values: (readonly string[])[] = [];
  for (let user = 0; user < matrix.rowCount; user++) {
    const row = matrix.columns.subarray(matrix.offsets[user], matrix.offsets[user + 1]);
    if (row.length > 0) values.push(ofUser(user));
    for (const item of row) {
      const users = ofItem.get(item) ?? [];
      users.push(user);
      ofItem.set(item, users);
    }
  }
  items.close();
  return { values, together: [...ofItem.values()].map((users) => users.flatMap(ofUser)) };
}

function memoised(read: (index: number) => Words): (index: number) => readonly string[] {
  const known = new Map<number, readonly string[]>();
  return (index) => {
    let words = known.get(index);
    if (words === undefined) {
      const made = read(index);
      words = made === FAILED ? [] : made;
      known.set(index, words);
    }
    return words;
  };
}
