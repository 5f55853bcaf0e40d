import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Random } from '../../common/random.ts';
import { type TinyWorld, WORLD_START_MS } from '../support/tiny-world.ts';

const CATEGORIES = 40;
const FAVOURITES = 4;
const WORDS = 30_000;
const WORDS_PER_TEXT = 30;
const HISTORY_MIN = 30;
const HISTORY_MAX = 100;
const EVENT_MS = 10_000;

/**
 * A world of realistic proportions: words and popularity by power laws, a person with four favourite categories and 30 to 100
 * items taken. Ids and rows as in `TinyWorld`.
 */
export function makeLargeWorld({
  users,
  items,
  seed,
}: Record<'users' | 'items' | 'seed', number>): TinyWorld {
  const random = new Random(seed);
  const catalogue = new Catalogue(`large-${seed}`);
  for (let ordinal = 0; ordinal < items; ordinal++)
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert: item(ordinal, random) });
  const events: { user: number; item: number }[] = [];
  for (let user = 0; user < users; user++)
    for (const taken of takenBy(random, items)) events.push({ user, item: taken });
  random.shuffle(events);
  return {
    catalogue,
    userCount: users,
    nowMs: WORLD_START_MS + events.length * EVENT_MS,
    interactions: {
      users: Uint32Array.from(events, ({ user }) => user),
      items: Uint32Array.from(events, ({ item: taken }) => taken),
      weights: new Float32Array(events.length).fill(1),
      times: Float64Array.from(events, (_, i) => WORLD_START_MS + i * EVENT_MS),
    },
  };
}

function item(ordinal: number, random: Random): NonNullable<ReturnType<Catalogue['item']>> {
  const text = Array.from({ length: WORDS_PER_TEXT }, () => word(random)).join(' ');
  return {
    id: `item-${ordinal}`,
    title: `${word(random)} ${word(random)} ${word(random)}`,
    text,
    categories: [`category-${ordinal % CATEGORIES}`, `category-${random.int(CATEGORIES)}`],
    attributes: { year: { number: 1950 + random.int(75) } },
    availableFromMs: 0,
    availableUntilMs: 0,
    regions: [],
  };
}

/** Log-uniform over the ranks, which is Zipf's law. */
function word(random: Random): string {
  return `word${Math.floor(WORDS ** random.next())}`;
}

function takenBy(random: Random, items: number): Set<number> {
  const favourites = Array.from({ length: FAVOURITES }, () => random.int(CATEGORIES));
  const wanted = HISTORY_MIN + random.int(HISTORY_MAX - HISTORY_MIN);
  const taken = new Set<number>();
  while (taken.size < wanted) {
    const candidate = Math.floor(items * random.next() ** 2);
    if (favourites.includes(candidate % CATEGORIES) || random.next() < 0.02) taken.add(candidate);
  }
  return taken;
}
