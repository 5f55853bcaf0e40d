import { expect, it } from 'vitest';
import { SlateAssembler } from './assembler.ts';
import { MmrSelector } from './mmr.ts';
import { CosineSimilarity } from './similarity.ts';
import type { Authority, SlateConstraint } from './slate-constraint.ts';
import type { SlotExplorer } from './slot-explorer.ts';

const similarity = new CosineSimilarity(new Float32Array(0), 1);

/** Admits the rows named at every position. */
function only(name: string, authority: Authority, rows: number[]): SlateConstraint {
  return {
    name,
    authority,
    begin: () => {},
    open: () => true,
    admits: (row) => rows.includes(row),
    place: () => {},
  };
}

/** Draws the last of the eligible rows at one slot and keeps what it was offered. */
function drawing(slot: number): SlotExplorer & { offered: number[][] } {
  const offered: number[][] = [];
  return {
    offered,
    slots: () => [slot],
    draw: (_, eligible) => {
      offered.push([...eligible]);
      return { row: eligible[eligible.length - 1], probability: 0.25 };
    },
  };
}

/** A slate of rows 0 to 5, of falling utility. */
function slateOf(limit: number, parts: { constraints?: SlateConstraint[]; explorer?: SlotExplorer }) {
  const items = Uint32Array.of(0, 1, 2, 3, 4, 5);
  const utilities = Float32Array.of(6, 5, 4, 3, 2, 1);
  similarity.load(items);
  const slate = new SlateAssembler().assemble(
    { items, utilities, pins: Int32Array.of(-1, 5), ...parts },
    new MmrSelector(1),
    similarity,
    limit,
  );
  return { ...slate, rows: [...slate.rows], propensities: [...slate.propensities] };
}

it('offers an exploring slot what rules and exploration admit, whatever the objectives want, and records its odds', () => {
  const explorer = drawing(2);
  const constraints = [
    only('goal', 'objective', [0, 1]),
    only('rule', 'rule', [0, 2, 3, 4]),
    only('floor', 'exploration', [0, 1, 2, 4]),
  ];
  const slate = slateOf(3, { constraints, explorer });
  expect(explorer.offered).toEqual([[2, 4]]);
  expect(slate).toMatchObject({ rows: [0, 5, 4], propensities: [1, 1, 0.25], unmet: [] });
});

it('does not draw for a pinned slot', () => {
  const explorer = drawing(1);
  expect(slateOf(3, { explorer }).rows).toEqual([0, 5, 1]);
  expect(explorer.offered).toEqual([]);
});

it('passes over the constraint of the lower authority where two leave nothing, and says which and how often', () => {
  const constraints = [only('goal', 'objective', [0, 1]), only('rule', 'rule', [3, 4])];
  expect(slateOf(3, { constraints })).toMatchObject({
    rows: [3, 5, 4],
    unmet: [{ constraint: 'goal', slots: 2 }],
  });
  expect(slateOf(4, { constraints })).toMatchObject({
    rows: [3, 5, 4, 0],
    unmet: [
      { constraint: 'goal', slots: 2 },
      { constraint: 'rule', slots: 1 },
    ],
  });
});
