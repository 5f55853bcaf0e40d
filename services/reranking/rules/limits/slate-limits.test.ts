import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ItemValues } from '../../../../common/catalogue/item-values.ts';
import { SlateAssembler } from '../../slate/assembler.ts';
import { MmrSelector } from '../../slate/mmr.ts';
import { CosineSimilarity } from '../../slate/similarity.ts';
import { type RowLimit, SlateLimits } from './slate-limits.ts';

/** A cap or a require in the words of a rule: on rows whose word has the letter, or all. */
type Limit =
  | { readonly cap: { itemsMax: number; window: number; byLetter: boolean }; readonly on: string }
  | { readonly require: { itemsMin: number; within: number }; readonly on: string };

interface World {
  /** One a row, best first: the letters are its values. */
  readonly words: readonly string[];
  /** By authority. */
  readonly limits: readonly Limit[];
  readonly limit: number;
  readonly pins: readonly number[];
}

function chosen({ words, limits, limit, pins }: World) {
  const values = new ItemValues();
  for (const [item, word] of words.entries()) values.set(item, [...word]);
  const rowLimits = limits.map((one, rule): RowLimit => {
    const counted = Uint8Array.from(words, (word) => (word.includes(one.on) ? 1 : 0));
    if ('require' in one) return { rule, require: { ...one.require, counted } };
    const { byLetter, ...cap } = one.cap;
    return { rule, cap: { ...cap, values: byLetter ? values : undefined, counted } };
  });
  const items = Uint32Array.from(words, (_, row) => row);
  const scores = Float32Array.from(words, (_, row) => -row);
  const similarity = new CosineSimilarity(new Float32Array(0), 1);
  similarity.load(items);
  const constraint = new SlateLimits(rowLimits, scores);
  const order = { items, utilities: scores, constraints: [constraint], pins: Int32Array.from(pins) };
  const slate = new SlateAssembler().assemble(order, new MmrSelector(1), similarity, limit);
  const { firings, unmet } = constraint.outcome();
  return {
    rows: [...slate.rows],
    passedOver: slate.unmet.length,
    unmet: unmet.map(({ rule, slots }) => `${rule}: ${slots}`),
    firings: firings.map(({ rule, row }) => `${rule}: ${row}`),
  };
}

const world = (words: string, limits: readonly Limit[], limit: number, pins: readonly number[] = []) =>
  chosen({ words: words.split(' '), limits, limit, pins });
const need = (on: string, itemsMin: number, within: number): Limit => ({ on, require: { itemsMin, within } });
const cap = (on: string, itemsMax: number, window = 0): Limit => ({
  on,
  cap: { itemsMax, window, byLetter: false },
});
const perLetter = (itemsMax: number, window = 0): Limit => ({
  on: '',
  cap: { itemsMax, window, byLetter: true },
});

/** How far a slate, with empty positions or without, is from a limit: 0 where it is kept. */
function missing(words: readonly (string | undefined)[], limit: Limit): number {
  const counts = (word: string | undefined, value: string): boolean =>
    word?.includes(value) === true && word.includes(limit.on);
  if ('require' in limit) {
    const { itemsMin, within } = limit.require;
    return Math.max(0, itemsMin - words.slice(0, within).filter((word) => counts(word, '')).length);
  }
  const { itemsMax, window, byLetter } = limit.cap;
  const length = window === 0 ? words.length : Math.min(window, words.length);
  const values = byLetter ? [...new Set(words.join(''))] : [''];
  let most = 0;
  for (let start = 0; start + length <= words.length; start++)
    for (const value of values)
      most = Math.max(most, words.slice(start, start + length).filter((word) => counts(word, value)).length);
  return Math.max(0, most - itemsMax);
}

/** Whether a word at an empty position would exceed a cap. */
function exceeds(
  words: readonly (string | undefined)[],
  position: number,
  word: string,
  limit: Limit,
): boolean {
  if ('require' in limit || !word.includes(limit.on)) return false;
  const { itemsMax, window, byLetter } = limit.cap;
  const length = window === 0 ? words.length : Math.min(window, words.length);
  const slate = words.map((one, at) => (at === position ? word : one));
  for (
    let start = Math.max(0, position - length + 1);
    start <= Math.min(position, slate.length - length);
    start++
  )
    for (const value of byLetter ? word : ['']) {
      const run = slate.slice(start, start + length);
      if (run.filter((one) => one?.includes(value) && one.includes(limit.on)).length > itemsMax) return true;
    }
  return false;
}

/** Whether any slate of the words keeps all limits, the pins where they are. */
function canBeMet({ words, limits, limit, pins }: World): boolean {
  const size = Math.min(limit, words.length);
  const pinned = new Set(pins.slice(0, size).filter((row) => row >= 0));
  const slate: number[] = [];
  const extend = (): boolean => {
    if (slate.length === size) {
      const shown = slate.map((row) => words[row]);
      return limits.every((one) => missing(shown, one) === 0);
    }
    const pin = pins[slate.length] ?? -1;
    const tried = new Set<string>();
    for (const row of pin >= 0 ? [pin] : words.keys()) {
      if (slate.includes(row) || (pin < 0 && (pinned.has(row) || tried.has(words[row])))) continue;
      tried.add(words[row]);
      slate.push(row);
      if (extend()) return true;
      slate.pop();
    }
    return false;
  };
  return extend();
}

describe('requires', () => {
  it('leave the order alone while merit brings enough, and else bring in the best at the last position that will do', () => {
    expect(world('a b a b', [need('b', 1, 2)], 4)).toMatchObject({ rows: [0, 1, 2, 3], firings: [] });
    expect(world('a a a a b b', [need('b', 2, 4)], 4)).toEqual({
      rows: [0, 1, 4, 5],
      passedOver: 0,
      unmet: [],
      firings: ['0: 4', '0: 5'],
    });
  });

  it('count pins, and go around them', () => {
    expect(world('a a a b b', [need('b', 1, 2)], 3, [-1, 3]).rows).toEqual([0, 3, 1]);
    expect(world('a a a b b', [need('b', 1, 2)], 3, [-1, 2]).rows).toEqual([3, 2, 0]);
  });

  it('with too few matching rows bring in what there is, and say how many items they lack', () => {
    expect(world('a a a b', [need('b', 2, 3)], 3)).toMatchObject({ rows: [0, 1, 3], unmet: ['0: 1'] });
  });

  it('that overlap share a row where there is no room for two', () => {
    expect(world('b c bc a', [need('b', 1, 1), need('c', 1, 1)], 2).rows).toEqual([2, 0]);
  });

  it('keep a row that a cap would shut out later', () => {
    const slate = world('ax bx by c', [need('b', 2, 3), perLetter(2), cap('x', 1)], 3);
    expect(slate).toMatchObject({ rows: [1, 2, 3], unmet: [], firings: ['2: 0'] });
  });

  it('outrank a cap of lower authority, and yield to one of higher', () => {
    expect(world('a b b', [need('b', 2, 2), cap('b', 1)], 2)).toMatchObject({
      rows: [1, 2],
      unmet: ['1: 1'],
    });
    expect(world('a b b', [cap('b', 1), need('b', 2, 2)], 2)).toMatchObject({
      rows: [0, 1],
      unmet: ['1: 1'],
    });
  });
});

describe('caps', () => {
  it('pass over what is full, and name what they kept out', () => {
    expect(world('a a a b', [cap('a', 2)], 3)).toMatchObject({ rows: [0, 1, 3], firings: ['0: 2'] });
    expect(world('a a b b', [cap('a', 1, 2)], 4)).toMatchObject({ rows: [0, 2, 1, 3], firings: [] });
  });

  it('where no row keeps all of them, the weakest gives way, and is reported', () => {
    expect(world('ab ab', [cap('a', 1), cap('b', 2)], 2)).toMatchObject({ rows: [0, 1], unmet: ['0: 1'] });
    expect(world('a b ac', [cap('c', 1), cap('a', 1), cap('b', 1)], 3)).toMatchObject({
      rows: [0, 1, 2],
      unmet: ['1: 1'],
    });
  });
});

const limitOf = fc.oneof(
  fc.record({
    on: fc.constantFrom('a', 'b', 'c'),
    require: fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(3))
      .map(([itemsMin, more]) => ({ itemsMin, within: itemsMin + more })),
  }),
  fc.record({
    on: fc.constantFrom('', 'a', 'b'),
    cap: fc.record({
      itemsMax: fc.integer({ min: 1, max: 3 }),
      window: fc.constant(0),
      byLetter: fc.boolean(),
    }),
  }),
);
const windowed = fc.record({
  on: fc.constantFrom('', 'a', 'b'),
  cap: fc.record({ itemsMax: fc.integer({ min: 1, max: 2 }), window: fc.nat(4), byLetter: fc.boolean() }),
});
const worlds = (limits: fc.Arbitrary<Limit>, limitsMax: number): fc.Arbitrary<World> =>
  fc.record({
    words: fc.array(
      fc.subarray(['a', 'b', 'c', 'd']).map((letters) => letters.join('')),
      { minLength: 1, maxLength: 9 },
    ),
    limits: fc.array(limits, { maxLength: limitsMax }),
    limit: fc.integer({ min: 1, max: 6 }),
    pins: fc.constant([]),
  });

describe('for any rows and limits', () => {
  it('the slate is full, and a limit that is not kept is reported, and no other', () => {
    fc.assert(
      fc.property(worlds(fc.oneof(limitOf, windowed), 4), fc.nat(8), (made, pinned) => {
        const one = pinned < made.words.length ? { ...made, pins: [-1, pinned] } : made;
        const { rows, unmet, passedOver } = chosen(one);
        expect(new Set(rows).size).toBe(Math.min(one.limit, one.words.length));
        if (one.pins.length > 0 && rows.length > 1) expect(rows[1]).toBe(pinned);
        const shown = rows.map((row) => one.words[row]);
        const broken = one.limits.flatMap((limit, rule) => (missing(shown, limit) > 0 ? [rule] : []));
        expect(unmet.map((told) => Number(told.split(':')[0]))).toEqual(broken);
        expect(passedOver).toBe(0);
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('requires hold whenever any slate would keep them', () => {
    const requires = fc.record({
      on: fc.constantFrom('a', 'b', 'c'),
      require: fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(3))
        .map(([itemsMin, more]) => ({ itemsMin, within: itemsMin + more })),
    });
    fc.assert(
      fc.property(worlds(requires, 3), (one) => {
        if (canBeMet(one)) expect(chosen(one).unmet).toEqual([]);
      }),
      { seed: 1, numRuns: 1500 },
    );
  });

  it('requires of higher authority hold whenever a slate would keep them, whatever the caps', () => {
    fc.assert(
      fc.property(worlds(limitOf, 4), (one) => {
        const limits = [...one.limits].sort((a, b) => Number('cap' in a) - Number('cap' in b));
        const requires = limits.filter((limit) => 'require' in limit);
        if (!canBeMet({ ...one, limits: requires })) return;
        const { unmet } = chosen({ ...one, limits });
        expect(unmet.filter((told) => Number(told.split(':')[0]) < requires.length)).toEqual([]);
      }),
      { seed: 1, numRuns: 1500 },
    );
  });

  it('a cap gives way only where no row that keeps the stronger ones would keep it, beside earlier rows and the pins', () => {
    fc.assert(
      fc.property(worlds(windowed, 3), fc.nat(8), (made, pinned) => {
        const one = pinned < made.words.length ? { ...made, pins: [-1, -1, pinned] } : made;
        const { rows } = chosen(one);
        for (const [position, row] of rows.entries()) {
          if (one.pins[position] === row) continue;
          const standing = rows.map((shown, at) =>
            at < position || one.pins[at] === shown ? one.words[shown] : undefined,
          );
          const broken = (other: number): string =>
            one.limits
              .map((limit) => (exceeds(standing, position, one.words[other], limit) ? 1 : 0))
              .join('');
          const left = [...one.words.keys()].filter(
            (other) =>
              !rows.slice(0, position).includes(other) &&
              !(other === pinned && rows[2] === pinned && one.pins.length > 0),
          );
          expect(broken(row)).toBe(left.map(broken).sort()[0]);
        }
      }),
      { seed: 1, numRuns: 1500 },
    );
  });
});
