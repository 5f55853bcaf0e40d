import { Catalogue } from '../../common/catalogue/catalogue.ts';
import type { InteractionColumns } from '../../common/models/interactions.ts';
import { Random } from '../../common/random.ts';
import { anonymousUser, type User } from '../../common/user-state.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';

/** The time of the first event; items are all available. */
export const WORLD_START_MS = Date.UTC(2024, 0, 1);
const EVENT_MS = 60_000;

const GENRES = [
  { name: 'Western', words: ['sheriff', 'saloon', 'canyon', 'rifle', 'cattle', 'dust'] },
  { name: 'Space', words: ['rocket', 'orbit', 'nebula', 'captain', 'android', 'comet'] },
  { name: 'Romance', words: ['letter', 'garden', 'wedding', 'summer', 'dance', 'heart'] },
  { name: 'Crime', words: ['detective', 'alley', 'ransom', 'witness', 'vault', 'alibi'] },
  { name: 'Nature', words: ['glacier', 'falcon', 'forest', 'coral', 'savanna', 'migration'] },
] as const;

export interface TinyWorldOptions {
  readonly users: number;
  readonly items: number;
  readonly seed: number;
}

/** People with one or two favourite genres, items with one each; all events in time order, one a minute. */
export interface TinyWorld {
  /** Ids `item-0`, ...; ordinal n is of genre n mod 5. The last epoch is the number of items. */
  readonly catalogue: Catalogue;
  /** Row n is user `user-n`; nobody takes an item twice. */
  readonly interactions: Required<InteractionColumns>;
  readonly userCount: number;
  /** The time after the last event. */
  readonly nowMs: number;
}

export function makeTinyWorld({ users, items, seed }: TinyWorldOptions): TinyWorld {
  const random = new Random(seed);
  const catalogue = new Catalogue(`tiny-${seed}`);
  for (let ordinal = 0; ordinal < items; ordinal++)
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert: tinyItem(ordinal, random) });
  const events: { user: number; item: number }[] = [];
  for (let user = 0; user < users; user++)
    for (const item of takenBy(random, items)) events.push({ user, item });
  random.shuffle(events);
  return {
    catalogue,
    userCount: users,
    nowMs: WORLD_START_MS + events.length * EVENT_MS,
    interactions: {
      users: Uint32Array.from(events, ({ user }) => user),
      items: Uint32Array.from(events, ({ item }) => item),
      weights: new Float32Array(events.length).fill(1),
      times: Float64Array.from(events, (_, i) => WORLD_START_MS + i * EVENT_MS),
    },
  };
}

/** An item of genre `ordinal` mod 5 with id `item-<ordinal>`. */
export function tinyItem(ordinal: number, random: Random): Item {
  const { name, words } = GENRES[ordinal % GENRES.length];
  const word = () => words[random.int(words.length)];
  return {
    id: `item-${ordinal}`,
    title: `The ${word()} and the ${word()}`,
    text: `A ${name.toLowerCase()} tale of ${word()}, ${word()} and ${word()}`,
    categories: [name],
    attributes: { year: { number: 1950 + random.int(75) } },
    availableFromMs: 0,
    availableUntilMs: 0,
    regions: [],
  };
}

/** Five to twenty-four items, three of four from the favourite genres, low ordinals oftener. */
function takenBy(random: Random, items: number): Set<number> {
  const favourites = [random.int(GENRES.length), random.int(GENRES.length)];
  const wanted = Math.min(5 + random.int(20), Math.floor(items / 4));
  const taken = new Set<number>();
  while (taken.size < wanted) {
    const item = Math.floor(items * random.next() ** 2);
    const liked = favourites.includes(item % GENRES.length);
    if (liked || random.next() < 0.1) taken.add(item);
  }
  return taken;
}

/** The user as the features service would describe them before `beforeMs` (default: all events), every event a positive rating. */
export function tinyUser(
  { interactions, userCount }: TinyWorld,
  row: number,
  beforeMs = Number.POSITIVE_INFINITY,
): User {
  if (row >= userCount) throw new RangeError(`user ${row} of ${userCount}`);
  const { users, items, times } = interactions;
  const events: number[] = [];
  for (let i = 0; i < users.length; i++) if (users[i] === row && times[i] < beforeMs) events.push(i);
  const taken = Uint32Array.from(events, (event) => items[event]);
  return {
    ...anonymousUser,
    id: `user-${row}`,
    items: taken,
    actions: new Uint8Array(events.length).fill(Action.ACTION_RATING),
    values: new Float32Array(events.length).fill(5),
    timesMs: Float64Array.from(events, (event) => times[event]),
    positives: events.length,
    seen: taken.slice().sort(),
  };
}
