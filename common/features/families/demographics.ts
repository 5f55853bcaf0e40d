import { numberOf, wordsOf } from '../attribute-values.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { Encoding } from '../encodings/encoding.ts';

const AGE = ['age'];
const PLACE = ['country', 'region', 'location', 'city', 'zip_code'];

/** Who the person is, as far as their attributes say. */
export const demographicFeatures: readonly FeatureDeclaration[] = [
  feature('user.age', {
    family: 'demographics',
    encoding: { kind: 'z-score' },
    from: AGE,
    description: 'attribute age',
    read: { of: 'request', number: ({ input: { user } }) => numberOf(user.profile, AGE) },
  }),
  worded('user.gender', ['gender', 'sex'], { kind: 'one-hot', max: 4 }, 'demographics'),
  worded('user.occupation', ['occupation'], { kind: 'one-hot', max: 32 }, 'demographics'),
  worded('user.location', PLACE, { kind: 'hashed', buckets: 16 }, 'location'),
  worded('user.language', ['language', 'locale'], { kind: 'one-hot', max: 16 }, 'language'),
];

function worded(
  name: string,
  from: readonly string[],
  encoding: Encoding,
  family: string,
): FeatureDeclaration {
  return feature(name, {
    family,
    type: 'category',
    encoding,
    from,
    description: `attribute ${from.join(' or ')}`,
    read: { of: 'request-words', words: ({ input: { user } }) => wordsOf(user.profile, from) },
  });
}
