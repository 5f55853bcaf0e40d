import { z } from 'zod';
import { numberOf, vectorOf, wordsOf } from './attribute-values.ts';
import type { FeatureDeclaration } from './declaration.ts';
import { fittedOn } from './encodings/encoders.ts';
import { ENCODINGS_OF, encodingSchema, featureTypes } from './encodings/encoding.ts';
import { affinityReader } from './families/affinity.ts';
import { type ContextField, contextFields } from './families/context.ts';
import type { FeatureReader } from './readers.ts';

const FAMILY = 'declared';

/** A feature over an attribute of items, users or the request that an operator declares without code. */
export const declaredFeatureSchema = z
  .strictObject({
    /** As `item.studio`; begins with the entity. */
    name: z
      .string()
      .regex(/^(item|user|context|interaction)\.[a-z][a-z0-9_]*$/, 'expected ENTITY.name, as item.studio'),
    version: z.number().int().min(1).default(1),
    entity: z.enum(['item', 'user', 'context', 'interaction']),
    /** The attribute, or for the context one of device, locale, surface, region. `categories` are the item's own. */
    attribute: z.string().min(1).max(256),
    type: z.enum(featureTypes),
    encoding: encodingSchema,
    default: z.union([z.literal('missing'), z.number()]).default('missing'),
    owner: z.string().min(1).max(256),
    description: z.string().max(1_024).default(''),
  })
  .superRefine((feature, context) => {
    const fault = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    const { name, entity, type, encoding, attribute } = feature;
    if (!name.startsWith(`${entity}.`)) fault('name', `${name} does not begin with ${entity}.`);
    if (entity === 'interaction') {
      if (type !== 'category' && type !== 'set')
        fault('type', 'an interaction compares words: category or set');
      if (!ENCODINGS_OF.number.includes(encoding.kind))
        fault('encoding', `an affinity is a number: one of ${ENCODINGS_OF.number.join(', ')}`);
    } else if (!ENCODINGS_OF[type].includes(encoding.kind))
      fault('encoding', `${encoding.kind} does not fit ${type}: one of ${ENCODINGS_OF[type].join(', ')}`);
    if (feature.default !== 'missing' && (type !== 'number' || entity === 'interaction'))
      fault('default', 'only a number can have a default');
    if (type === 'vector' && entity !== 'item') fault('type', 'only items have vectors');
    if (entity === 'context') {
      if (!(contextFields as readonly string[]).includes(attribute))
        fault('attribute', `a request has ${contextFields.join(', ')}`);
      if (type !== 'category') fault('type', 'what a request has is a category');
      if (fittedOn(encoding) === 'words')
        fault('encoding', `${encoding.kind} cannot be fitted on requests: give values, or hash`);
    }
  });
export type DeclaredFeature = z.output<typeof declaredFeatureSchema>;

/** What an operator declared, as a declaration like any other. */
export function declaredFeature(declared: DeclaredFeature): FeatureDeclaration {
  const { name, version, entity, type, encoding, owner, description, attribute } = declared;
  return {
    name,
    version,
    entity,
    family: FAMILY,
    type: entity === 'interaction' ? 'number' : type,
    default: declared.default,
    encoding,
    from: entity === 'interaction' ? ['history', attribute] : [attribute],
    owner,
    description,
    read: readerOf(declared),
  };
}

function readerOf({ entity, attribute, type, encoding }: DeclaredFeature): FeatureReader {
  const names = [attribute];
  if (entity === 'context') {
    const field = attribute as ContextField;
    return {
      of: 'request-words',
      words: ({ input: { context } }) => (context?.[field] ? [context[field]] : []),
    };
  }
  if (entity === 'user') {
    return type === 'number'
      ? { of: 'request', number: ({ input: { user } }) => numberOf(user.profile, names) }
      : { of: 'request-words', words: ({ input: { user } }) => wordsOf(user.profile, names) };
  }
  if (entity === 'interaction')
    return affinityReader(attribute, (item) =>
      attribute === 'categories' ? item.categories : wordsOf(item.attributes, names),
    );
  if (type === 'number') return { of: 'item', number: (item) => numberOf(item.attributes, names) };
  if (encoding.kind === 'vector')
    return { of: 'item-vector', vector: (item) => vectorOf(item.attributes, names, encoding.dim) };
  return {
    of: 'item-words',
    words: (item) => (attribute === 'categories' ? item.categories : wordsOf(item.attributes, names)),
  };
}
