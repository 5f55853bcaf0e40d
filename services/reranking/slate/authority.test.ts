import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ItemValues } from '../../../common/catalogue/item-values.ts';
import { Random } from '../../../common/random.ts';
import { SlateAssembler, type SlateOrder } from './assembler.ts';
import { DppSelector } from './dpp.ts';
import { GroupMinimum, spreadMinima } from './group-minimum.ts';
import { MmrSelector } from './mmr.ts';
import { RelevanceFloor } from './relevance-floor.ts';
import { CosineSimilarity } from './similarity.ts';
import type { SlateConstraint } from './slate-constraint.ts';
import type { SlotExplorer } from './slot-explorer.ts';
import { WindowCap } from './window-cap.ts';

const CAP = 2;
const DIM = 4;

const setting = fc.record({
  seed: fc.nat(),
  count: fc.integer({ min: 1, max: 30 }),
  limit: fc.integer({ min: 1, max: 15 }),
  lambda: fc.constantFrom(0.2, 0.8, 1),
  selector: fc.constantFrom('mmr', 'dpp'),
  owed: fc.nat(3),
  goal: fc.nat(4),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

/** Draws uniformly at some slots and keeps what it was offered and what it drew. */
function uniform(random: Random, chosen: readonly number[]) {
  const draws = new Map<number, { offered: number[]; row: number }>();
  const explorer: SlotExplorer = {
    slots: (size) => chosen.filter((slot) => slot < size),
    draw: (slot, eligible) => {
      const row = eligible[random.int(eligible.length)];
      draws.set(slot, { offered: [...eligible], row });
      return { row, probability: 1 / eligible.length };
    },
  };
  return { explorer, draws };
}

/** A random slate with something of every authority in it, and all that is needed to judge it. */
function sceneOf({ seed, count, limit, lambda, selector, owed, goal }: Setting) {
  const random = new Random(seed);
  const items = random.shuffle(Uint32Array.from({ length: count }, (_, item) => item));
  const categories = new ItemValues();
  for (const item of items) categories.set(item, random.int(5) === 0 ? [] : [`c${random.int(5)}`]);
  const utilities = Float64Array.from(items, () => random.next());
  const members = (share: number) => Uint8Array.from(items, () => (random.next() < share ? 1 : 0));
  const pins = new Int32Array(limit).fill(-1);
  for (const row of random.shuffle([...items.keys()]).slice(0, random.int(3))) pins[random.int(limit)] = row;
  for (const [at, row] of pins.entries()) if (row >= 0 && pins.indexOf(row) !== at) pins[at] = -1;
  const slots = random.shuffle(Array.from({ length: limit }, (_, slot) => slot)).slice(0, random.int(4));
  const size = Math.min(limit, count);
  const groups = { floor: members(0.3), goal: members(0.4) };
  const rule: SlateConstraint = new WindowCap(categories, {
    name: 'rule',
    authority: 'rule',
    itemsMax: CAP,
    window: 0,
  });
  const exploration: SlateConstraint = new GroupMinimum(
    { name: 'floor', authority: 'exploration' },
    groups.floor,
    spreadMinima(Math.min(owed, size), size),
  );
  const objectives: SlateConstraint[] = [
    new GroupMinimum(
      { name: 'goal', authority: 'objective' },
      groups.goal,
      spreadMinima(Math.min(goal, size), size),
    ),
    new RelevanceFloor(utilities, 0.1),
  ];
  const similarity = new CosineSimilarity(
    Float32Array.from({ length: count * DIM }, () => random.normal()),
    DIM,
  );
  similarity.load(items);
  const assemble = (parts: Partial<SlateOrder>) => {
    const order = { items, utilities, pins, constraints: [...objectives, exploration, rule], ...parts };
    const choice = selector === 'dpp' ? new DppSelector(lambda) : new MmrSelector(lambda);
    const { rows, propensities, unmet } = new SlateAssembler().assemble(order, choice, similarity, limit);
    return {
      rows: [...rows],
      propensities: [...propensities],
      unmet: unmet.map(({ constraint }) => constraint),
    };
  };
  return { items, categories, groups, pins, slots, size, random, rule, exploration, assemble };
}

function check(judge: (scene: ReturnType<typeof sceneOf>, one: Setting) => void, numRuns = 400): void {
  fc.assert(
    fc.property(setting, (one) => judge(sceneOf(one), one)),
    { seed: 1, numRuns },
  );
}

function fullest({ items, categories }: ReturnType<typeof sceneOf>, rows: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const row of rows)
    for (let i = 0; i < categories.lengthOf(items[row]); i++) {
      const value = categories.at(items[row], i);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  return Math.max(0, ...counts.values());
}

describe('over random slates, rules, floors, draws and objectives', () => {
  it('the slate is full, of rows of the shortlist alone, none twice', () =>
    check((scene) => {
      const { rows } = scene.assemble({ explorer: uniform(scene.random, scene.slots).explorer });
      expect(new Set(rows).size).toBe(scene.size);
      expect(rows.length).toBe(scene.size);
      expect(rows.every((row) => row < scene.items.length)).toBe(true);
    }));

  it('a pin stands where its rule says, against draws and every constraint', () =>
    check((scene) => {
      const { rows } = scene.assemble({ explorer: uniform(scene.random, scene.slots).explorer });
      for (const [position, row] of scene.pins.entries())
        if (row >= 0 && position < scene.size) expect(rows[position]).toBe(row);
    }));

  it("a rule's cap holds also against draws and floors, unless no row at all would keep it, which is reported", () =>
    check((scene) => {
      const { rows, unmet } = scene.assemble({ explorer: uniform(scene.random, scene.slots).explorer });
      const pinned = scene.pins.filter((row, position) => row >= 0 && position < scene.size);
      const allowed = Math.max(CAP, fullest(scene, [...pinned]));
      if (!unmet.includes('rule')) expect(fullest(scene, rows)).toBeLessThanOrEqual(allowed);
    }));

  it('rules choose first: their constraints are asked of every row left, whatever floors want', () =>
    check((scene) => {
      const placed = new Set<number>();
      let asked: number[] = [];
      const { rule } = scene;
      const watched: SlateConstraint = {
        ...{ name: rule.name, authority: rule.authority, begin: (rows, size) => rule.begin(rows, size) },
        open: (position) => {
          asked = [];
          rule.open(position);
          return true;
        },
        admits: (row) => {
          asked.push(row);
          return rule.admits(row);
        },
        place: (row, position) => {
          if (scene.pins[position] < 0) expect(asked.length).toBe(scene.items.length - placed.size);
          placed.add(row);
          rule.place(row, position);
        },
      };
      scene.assemble({ constraints: [scene.exploration, watched] });
    }));

  it('a drawn row keeps its slot and its odds, and every other slot has probability 1', () =>
    check((scene) => {
      const { explorer, draws } = uniform(scene.random, scene.slots);
      const { rows, propensities } = scene.assemble({ explorer });
      for (const [slot, row] of rows.entries()) {
        const draw = draws.get(slot);
        if (draw !== undefined) expect(row).toBe(draw.row);
        expect(propensities[slot]).toBeCloseTo(draw === undefined ? 1 : 1 / draw.offered.length, 6);
        if (scene.pins[slot] >= 0) expect(draw).toBeUndefined();
      }
      expect(draws.size).toBe(scene.slots.filter((slot) => slot < scene.size && scene.pins[slot] < 0).length);
    }));

  it('no objective narrows or widens what a draw chooses from', () =>
    check((scene) => {
      const offers = [{}, { constraints: [scene.exploration, scene.rule] }].map((parts) => {
        const { explorer, draws } = uniform(scene.random, [0]);
        const utilities = Float64Array.from(scene.items, () => scene.random.next());
        scene.assemble({ explorer, ...parts, ...('constraints' in parts ? { utilities } : {}) });
        return draws.get(0)?.offered;
      });
      expect(offers[0]).toEqual(offers[1]);
    }));

  it('a floor holds against objectives, and gives way to rules only where it says so', () =>
    check((scene, { owed }) => {
      const { rows, unmet } = scene.assemble({});
      const held = rows.filter((row) => scene.groups.floor[row] === 1).length;
      if (!unmet.includes('floor'))
        expect(held).toBeGreaterThanOrEqual(Math.min(owed, scene.size, free(scene)));
    }));

  it("objectives' constraints hold unless they are reported", () =>
    check((scene, { goal }) => {
      const { rows, unmet } = scene.assemble({});
      const held = rows.filter((row) => scene.groups.goal[row] === 1).length;
      if (!unmet.includes('goal'))
        expect(held).toBeGreaterThanOrEqual(Math.min(goal, scene.size, free(scene)));
    }));
});

/** Positions that are not pinned. */
function free({ pins, size }: ReturnType<typeof sceneOf>): number {
  return size - pins.subarray(0, size).filter((row) => row >= 0).length;
}
