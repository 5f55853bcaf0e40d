import { Random } from '../random.ts';
import { type InteractionMatrix, interactionMatrix } from './interactions.ts';

export interface World {
  readonly users: number;
  readonly items: number;
  /** User u and item i belong to community u and i modulo this. */
  readonly communityCount: number;
  /** Train items of a user, at most; one in ten is of any community. */
  readonly taken: number;
  /** Items of each of the other two parts, at most. */
  readonly heldOut: number;
}

const smallWorld: World = { users: 120, items: 60, communityCount: 4, taken: 7, heldOut: 3 };

/** A split of interactions of people who keep to the items of their community. */
export function communities(seed: number, world: World = smallWorld) {
  const { users, items, communityCount, taken, heldOut } = world;
  const random = new Random(seed);
  const pairs = { train: new Pairs(), valid: new Pairs(), test: new Pairs() };
  for (let user = 0; user < users; user++) {
    const own = random.shuffle(
      Array.from({ length: items }, (_, item) => item).filter((item) => (user - item) % communityCount === 0),
    );
    const parts = [own.slice(0, taken), own.slice(taken, taken + heldOut), own.slice(taken + heldOut)];
    for (const item of parts[0]) pairs.train.add(user, random.next() < 0.1 ? random.int(items) : item);
    for (const item of parts[1]) pairs.valid.add(user, item);
    for (const item of parts[2].slice(0, heldOut)) pairs.test.add(user, item);
  }
  const matrix = (part: Pairs) => part.matrix(users, items);
  return { train: matrix(pairs.train), valid: matrix(pairs.valid), test: matrix(pairs.test) };
}

class Pairs {
  readonly #users: number[] = [];
  readonly #items: number[] = [];

  add(user: number, item: number): void {
    this.#users.push(user);
    this.#items.push(item);
  }

  matrix(userCount: number, itemCount: number): InteractionMatrix {
    const columns = { users: Uint32Array.from(this.#users), items: Uint32Array.from(this.#items) };
    return interactionMatrix(columns, userCount, itemCount);
  }
}
