import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { personas } from '../../simulator/personas.ts';
import type { DemoWorld } from './world.ts';

const LAST_TITLES = 3;
const GENRES = 3;

/** Somebody whom the demo asks for, and what there is to say of them. */
export interface Person {
  readonly id: string;
  readonly kind: 'newcomer' | 'light' | 'heavy';
  /** What they did so far, in words. */
  readonly past: string;
}

/** A newcomer, a light user and a heavy user. */
export function demoPeople(world: DemoWorld): Person[] {
  const chosen = personas(world.audience);
  return (['newcomer', 'light', 'heavy'] as const).map((kind) => ({
    kind,
    id: chosen[kind],
    past: pastOf(world, chosen[kind]),
  }));
}

function pastOf({ audience, events }: DemoWorld, userId: string): string {
  const user = audience.users.findIndex(({ id }) => id === userId);
  const opened: number[] = [];
  const genres = new Map<string, number>();
  for (let row = 0; row < events.count; row++) {
    const action = events.actions[row];
    if (events.users[row] !== user || (action !== Action.ACTION_VIEW && action !== Action.ACTION_CLICK))
      continue;
    opened.push(events.items[row]);
    for (const genre of audience.films[events.items[row]].categories)
      genres.set(genre, (genres.get(genre) ?? 0) + 1);
  }
  if (opened.length === 0) return 'has not opened a film yet';
  const favourites = [...genres]
    .sort(([, a], [, b]) => b - a)
    .slice(0, GENRES)
    .map(([genre, times]) => `${genre} ${times}`);
  const last = opened.slice(-LAST_TITLES).map((film) => audience.films[film].title);
  return `opened ${opened.length} films (${favourites.join(', ')}), lately ${last.join(', ')}`;
}
