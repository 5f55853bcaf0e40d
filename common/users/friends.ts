import type { User } from '../../gen/millrace/features/v1/features.ts';
import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';

/** The attribute of users that names their friends: a set of user ids. */
export const FRIENDS_ATTRIBUTE = 'friends';
/** Friends of a user who count, the first ones named. */
const FRIENDS_MAX = 200;

/** The friends that a user's attributes name, the user left out. */
export function friendsOf(userId: string, profile: Readonly<Record<string, AttributeValue>>): Set<string> {
  const friends = new Set<string>();
  for (const id of profile[FRIENDS_ATTRIBUTE]?.texts?.values ?? []) {
    if (friends.size === FRIENDS_MAX) break;
    if (id !== userId) friends.add(id);
  }
  return friends;
}

/** Whether the attributes of a user name another one as a friend. */
export function namesFriend(attributes: Readonly<Record<string, AttributeValue>>, userId: string): boolean {
  return attributes[FRIENDS_ATTRIBUTE]?.texts?.values.includes(userId) ?? false;
}

/** The user, and those whom they name as friends, under other names. */
export function namedUser({ id, attributes }: User, nameOf: (userId: string) => string): User {
  const friends = attributes[FRIENDS_ATTRIBUTE];
  if (friends?.texts === undefined) return { id: nameOf(id), attributes };
  const named = { ...friends, texts: { values: friends.texts.values.map(nameOf) } };
  return { id: nameOf(id), attributes: { ...attributes, [FRIENDS_ATTRIBUTE]: named } };
}

/** The attributes without a friend. */
export function withoutFriend(
  attributes: Readonly<Record<string, AttributeValue>>,
  userId: string,
): Record<string, AttributeValue> {
  const { [FRIENDS_ATTRIBUTE]: friends, ...others } = attributes;
  const values = friends?.texts?.values.filter((id) => id !== userId) ?? [];
  if (friends === undefined || values.length === 0) return others;
  return { ...others, [FRIENDS_ATTRIBUTE]: { ...friends, texts: { values } } };
}
