import { describe, expect, it } from 'vitest';
import { Random } from '../../../common/random.ts';
import type { Events, Split } from './splits.ts';
import { leaveOneOut, ratioSplit, timeSplit } from './splits.ts';

/** Rows of [user, item index, time]. */
function events(rows: [number, number, number][], itemIds: string[]): Events {
  return {
    user: Uint32Array.from(rows, (row) => row[0]),
    item: Uint32Array.from(rows, (row) => row[1]),
    timeMs: Float64Array.from(rows, (row) => row[2]),
    userCount: 1 + rows.reduce((most, row) => Math.max(most, row[0]), 0),
    itemIds,
  };
}

function randomEvents(seed: number): Events {
  const random = new Random(seed);
  const itemIds = Array.from({ length: 40 }, (_, i) => String((i * 7) % 40));
  const rows = Array.from({ length: 400 }, (): [number, number, number] => [
    random.int(30),
    random.int(40),
    random.int(8),
  ]);
  return events(rows, itemIds);
}

function expectPartition(split: Split, count: number): void {
  const all = [...split.train, ...split.validation, ...split.test];
  expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
}

describe('leaveOneOut', () => {
  it('breaks equal times by item id as a number', () => {
    const split = leaveOneOut(
      events(
        [
          [0, 0, 5],
          [0, 1, 5],
          [0, 2, 5],
          [0, 3, 4],
        ],
        ['10', '9', '100', '1000'],
      ),
    );
    expect(split).toEqual({
      train: Uint32Array.of(1, 3),
      validation: Uint32Array.of(0),
      test: Uint32Array.of(2),
    });
  });

  it('breaks equal times by item index where one id is not a number', () => {
    const rows: [number, number, number][] = [
      [0, 2, 5],
      [0, 1, 5],
      [0, 0, 5],
    ];
    const split = leaveOneOut(events(rows, ['10', '9', 'x1']));
    expect([split.train, split.validation, split.test].map((part) => [...part])).toEqual([[2], [1], [0]]);
  });

  it('breaks equal times of one item by row', () => {
    const rows: [number, number, number][] = [
      [0, 0, 5],
      [0, 0, 5],
      [0, 0, 5],
    ];
    expect([...leaveOneOut(events(rows, ['1'])).test]).toEqual([2]);
  });

  it('keeps a training event of every user', () => {
    const rows: [number, number, number][] = [
      [0, 0, 1],
      [2, 0, 2],
      [2, 1, 1],
    ];
    const split = leaveOneOut(events(rows, ['1', '2']));
    expect([split.train, split.validation, split.test].map((part) => [...part])).toEqual([[0, 2], [], [1]]);
  });

  it('agrees with sorting each user', () => {
    const all = randomEvents(3);
    const split = leaveOneOut(all);
    expectPartition(split, 400);
    for (let user = 0; user < all.userCount; user++) {
      const rows = [...all.user.keys()].filter((row) => all.user[row] === user);
      const id = (row: number) => Number(all.itemIds[all.item[row]]);
      rows.sort((a, b) => all.timeMs[a] - all.timeMs[b] || id(a) - id(b) || a - b);
      expect(split.test).toContain(rows.at(-1));
      expect(split.validation).toContain(rows.at(-2));
    }
  });
});

describe('ratioSplit', () => {
  it('holds out the last events of each user', () => {
    const rows = Array.from({ length: 10 }, (_, i): [number, number, number] => [0, 0, 10 - i]);
    const split = ratioSplit(events(rows, ['1']), { validation: 0.1, test: 0.2 });
    expect([...split.test]).toEqual([0, 1]);
    expect([...split.validation]).toEqual([2]);
  });

  it('gives a held-out part one event where its share is below one and training keeps another', () => {
    const counts = [1, 2, 3, 4].map((length) => {
      const rows = Array.from({ length }, (_, i): [number, number, number] => [0, 0, i]);
      const { train, validation, test } = ratioSplit(events(rows, ['1']), { validation: 0.1, test: 0.1 });
      return [train.length, validation.length, test.length];
    });
    expect(counts).toEqual([
      [1, 0, 0],
      [1, 0, 1],
      [1, 1, 1],
      [2, 1, 1],
    ]);
  });

  it('repeats a random split from its seed', () => {
    const all = randomEvents(5);
    const ratio = { validation: 0.1, test: 0.2 };
    const split = ratioSplit(all, ratio, new Random(1));
    expectPartition(split, 400);
    expect(ratioSplit(all, ratio, new Random(1))).toEqual(split);
    expect(ratioSplit(all, ratio, new Random(2))).not.toEqual(split);
    expect(ratioSplit(all, ratio)).not.toEqual(split);
  });

  it('refuses fractions that leave nothing to train on', () => {
    expect(() => ratioSplit(randomEvents(1), { validation: 0.5, test: 0.5 })).toThrow('together below 1');
  });
});

describe('timeSplit', () => {
  it('cuts at two times, each the first of its part', () => {
    const split = timeSplit({ timeMs: Float64Array.of(5, 1, 3, 2, 4, 2) }, 2, 4);
    expect(split).toEqual({
      train: Uint32Array.of(1),
      validation: Uint32Array.of(2, 3, 5),
      test: Uint32Array.of(0, 4),
    });
  });

  it('refuses bounds in the wrong order', () => {
    expect(() => timeSplit({ timeMs: Float64Array.of(1) }, 3, 2)).toThrow('after test from 2');
  });
});
