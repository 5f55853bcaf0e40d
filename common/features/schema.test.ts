import { expect, test } from 'vitest';
import { type DeclaredFeature, declaredFeatureSchema } from './declared.ts';
import { encodersPart, readEncoders } from './encoder-part.ts';
import type { Encoding, Fitted } from './encodings/encoding.ts';
import { featureSchema, withEncoders } from './schema.ts';

const studio = declaredFeatureSchema.parse({
  name: 'item.studio',
  entity: 'item',
  attribute: 'studio',
  type: 'category',
  encoding: { kind: 'one-hot', max: 4 },
  owner: 'films',
});
const words = (...given: string[]): Fitted => ({ words: given, numbers: new Float64Array(0) });

function hashOf(declared: DeclaredFeature, fitted = words('a', 'b')): string {
  const encoders = new Map([[declared.name, fitted]]);
  return featureSchema(['ials'], { choice: ['default', declared.name], declared: [declared], encoders }).hash;
}

test('the schema of the same choice is the same, in whatever order it is named', () => {
  const one = featureSchema(['ials'], { choice: ['context.hour', 'item.year', 'popularity'] });
  const other = featureSchema(['ials'], { choice: ['popularity', 'item.year', 'context.hour', 'item.year'] });
  expect(other.hash).toBe(one.hash);
  expect(one.columns).toEqual([
    'item.positives',
    'item.impressions',
    'item.click_rate',
    'item.year',
    'context.hour.sin',
    'context.hour.cos',
  ]);
  expect(one.sources).toEqual([]);
});

test('the hash changes with all that gives a row its meaning, and with nothing else', () => {
  const hashes = [
    hashOf(studio),
    hashOf({ ...studio, version: 2 }),
    hashOf({ ...studio, attribute: 'company' }),
    hashOf({ ...studio, type: 'set', encoding: { kind: 'multi-hot', max: 4 } }),
    hashOf({ ...studio, encoding: { kind: 'one-hot', max: 5 } }),
    hashOf(studio, words('b', 'a')),
    hashOf(studio, words('a', 'b', 'c')),
    hashOf(studio, { words: ['a', 'b'], numbers: Float64Array.of(1) }),
    hashOf({ ...studio, name: 'item.house' }),
    featureSchema(['ials']).hash,
    featureSchema(['bm25']).hash,
    featureSchema(['ials', 'bm25']).hash,
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hashOf({ ...studio, owner: 'others', description: 'the same' })).toBe(hashOf(studio));
  const age = featureSchema([], { choice: ['user.age'] });
  expect(
    withEncoders(age, new Map([['user.age', { words: [], numbers: Float64Array.of(3, 1) }]])).hash,
  ).not.toBe(age.hash);
});

test('what is no feature, and what is declared twice, is refused by name', () => {
  expect(() => featureSchema([], { choice: ['item.yaer'] })).toThrow('item.yaer is no feature');
  const twice = { ...studio, name: 'item.year' };
  expect(() => featureSchema([], { declared: [twice] })).toThrow('item.year is declared twice');
});

test.each([
  [{ name: 'studio' }, 'name'],
  [{ entity: 'user' }, 'name'],
  [{ type: 'number' }, 'encoding'],
  [{ default: 3 }, 'default'],
  [{ name: 'user.x', entity: 'user', type: 'vector', encoding: { kind: 'vector', dim: 3 } }, 'type'],
  [{ name: 'context.x', entity: 'context' }, 'attribute'],
  [{ name: 'context.x', entity: 'context', attribute: 'device' }, 'encoding'],
  [{ name: 'interaction.x', entity: 'interaction' }, 'encoding'],
  [{ owner: '' }, 'owner'],
  [{ colour: 1 }, ''],
])('a declaration that does not hold together names the field: %o', (fields, field) => {
  const { error } = declaredFeatureSchema.safeParse({ ...studio, ...fields });
  expect(error?.issues[0].path.join('.')).toBe(field);
});

test('encoders are read back as they were written, and refused where they do not fit', () => {
  const encodings: Record<string, Encoding> = {
    'item.studio': { kind: 'one-hot', max: 4 },
    'user.age': { kind: 'z-score' },
  };
  const encoders = new Map<string, Fitted>([
    ['item.studio', words('a', 'ä')],
    ['user.age', { words: [], numbers: Float64Array.of(31.5, 7.25) }],
  ]);
  const bytes = encodersPart(encoders, (name) => encodings[name]);
  expect([...readEncoders(bytes)]).toEqual([...encoders]);
  encoders.set('user.age', { words: [], numbers: Float64Array.of(31.5) });
  const wrong = encodersPart(encoders, (name) => encodings[name]);
  expect(() => readEncoders(wrong)).toThrow('user.age: 1 parameters, 2 expected');
  expect(() => readEncoders(bytes.subarray(0, bytes.length - 8))).toThrow('feature-encoders');
});
