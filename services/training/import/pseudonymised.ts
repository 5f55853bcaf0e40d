import type { Pseudonyms } from '../../../common/rights/pseudonyms.ts';
import { FRIENDS_ATTRIBUTE } from '../../../common/users/friends.ts';
import { IdTable } from './id-table.ts';
import { beginMsOf, type LogSource } from './to-log.ts';

/** The same with people called as in the log: what they did by the names of its time, what describes them by those of the first event. */
export function pseudonymised(source: LogSource, pseudonyms: Pseudonyms): LogSource {
  const { users, userRows, interactions } = source;
  const { user, timeMs } = interactions;
  if (pseudonyms.arePlain) return source;
  const names = new IdTable();
  const beginMs = beginMsOf(source);
  const nameOf = (id: string): string => pseudonyms.at(id, beginMs);
  const described = userRows.map(({ id, attributes }) => {
    names.intern(nameOf(id));
    const friends = attributes[FRIENDS_ATTRIBUTE];
    if (!Array.isArray(friends)) return { id: nameOf(id), attributes };
    return { id: nameOf(id), attributes: { ...attributes, [FRIENDS_ATTRIBUTE]: friends.map(nameOf) } };
  });
  const placeOf = new Map<number, Map<number, number>>();
  const named = user.map((row, i) => {
    const period = pseudonyms.periodAt(timeMs[i]);
    const places = placeOf.get(period) ?? new Map<number, number>();
    placeOf.set(period, places);
    const place = places.get(row) ?? names.intern(pseudonyms.at(users[row], timeMs[i]));
    places.set(row, place);
    return place;
  });
  return {
    ...source,
    users: names.ids,
    userRows: described,
    interactions: { ...interactions, user: named },
  };
}
