import { describe, expect, test } from 'vitest';
import { createBloom } from '../../../common/bloom/engines.ts';
import { bloomShape } from '../../../common/bloom/filter.ts';
import { Candidates, Columns } from '../../../common/columns.ts';
import type { Call } from '../../../common/rpc/call.ts';
import { contracts, type FilteringService } from '../../../common/rpc/services.ts';
import { anonymousUser, encodeUser, type User } from '../../../common/user-state.ts';
import { FilterRequest, RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import type { Target } from '../target.ts';
import { call, type World } from '../world.ts';
import { boundarySuite } from './boundary.ts';
import { columnsSuite } from './columns.ts';
import { stageSuite } from './stage.ts';

/** Requests whose answers must not depend on the transport. */
export function filteringRequests(world: World): Parameters<FilteringService['filter']>[0][] {
  return [0, 1, 500, 600].map((count, user) => ({
    context: world.context(user),
    candidates: new Candidates(world.candidates(count).items),
    excluded: new Candidates(Uint32Array.of(3, 5)),
  }));
}

/** What a filtering stage does: every item of the request is kept or removed, and none that is closed is kept. */
export function filteringSuite(target: Target<FilteringService>): void {
  const { client, world, foreign } = target;
  const { closed } = world;
  const items = (...ordinals: number[]): Candidates => new Candidates(Uint32Array.from(ordinals));
  const answer = (
    {
      context = {},
      candidates = items(0, 1, 2, 3),
      excluded = Candidates.empty,
    }: { context?: Partial<RequestContext>; candidates?: Candidates; excluded?: Candidates },
    asked: Call = call(),
  ) => client.filter({ context: world.context(0, context), candidates, excluded }, asked);
  const as = (user: Partial<User>): { userState: Buffer } => ({
    userState: encodeUser({ ...anonymousUser, ...user }),
  });
  /** What became of items 10, 11 and `ordinal`, of which the last is expected to be removed. */
  const reasonFor = async (ordinal: number, asked: Parameters<typeof answer>[0]): Promise<number> => {
    const { candidates, removed } = await answer({ ...asked, candidates: items(10, ordinal, 11) });
    expect([...candidates.items]).toEqual([10, 11]);
    expect([...removed.items]).toEqual([ordinal]);
    return removed.column(Columns.removalReason)[0];
  };

  describe(target.name, () => {
    test.each([0, 1, 500])(
      '%i rows are split into kept and removed, each in the order of the request',
      async (count) => {
        const { items: asked } = world.candidates(count);
        const { candidates: kept, removed } = await answer({ candidates: new Candidates(asked) });
        const isKept = new Set(kept.items);
        expect([...kept.items]).toEqual([...asked].filter((item) => isKept.has(item)));
        expect([...removed.items]).toEqual([...asked].filter((item) => !isKept.has(item)));
        const known = Object.values(RemovalReason);
        for (const reason of removed.column(Columns.removalReason)) {
          expect(known).toContain(reason);
          expect(reason).not.toBe(RemovalReason.REMOVAL_REASON_UNSPECIFIED);
        }
      },
    );

    test('the same request gets the same answer', async () => {
      const candidates = new Candidates(world.candidates(500).items);
      expect(await answer({ candidates })).toEqual(await answer({ candidates }));
    });

    test.each<[string, number, Partial<User>]>([
      ['seen', RemovalReason.REMOVAL_REASON_SEEN, { seen: Uint32Array.of(7) }],
      ['seen long ago', RemovalReason.REMOVAL_REASON_SEEN, { seenFilter: seenLongAgo(7) }],
      ['hidden', RemovalReason.REMOVAL_REASON_HIDDEN, { hidden: Uint32Array.of(7) }],
    ])('an item %s by the user is removed', async (_, reason, user) => {
      expect(await reasonFor(7, { context: as(user) })).toBe(reason);
    });

    test('an item that the request excludes is removed, and one that is not there does not matter', async () => {
      const excluded = items(7, 500, closed.unknown);
      expect(await reasonFor(7, { context: as({}), excluded })).toBe(RemovalReason.REMOVAL_REASON_EXCLUDED);
    });

    test.for<[keyof typeof closed, number]>([
      ['blocked', RemovalReason.REMOVAL_REASON_BLOCKED],
      ['deleted', RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM],
      ['unknown', RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM],
      ['ended', RemovalReason.REMOVAL_REASON_UNAVAILABLE],
      ['notBegun', RemovalReason.REMOVAL_REASON_UNAVAILABLE],
      ['regional', RemovalReason.REMOVAL_REASON_REGION],
    ])('an item that is %s is removed', async ([closure, reason], context) => {
      if (foreign) return context.skip('the catalogue of a stage under TARGET is its own');
      expect(await reasonFor(closed[closure], { context: { ...as({}), region: 'DE' } })).toBe(reason);
    });

    test('what is closed for one region or time is open for another', async (context) => {
      if (foreign) return context.skip('the catalogue of a stage under TARGET is its own');
      const open = async (item: number, fields: Partial<RequestContext>): Promise<number[]> => {
        const { candidates } = await answer({ context: { ...as({}), ...fields }, candidates: items(item) });
        return [...candidates.items];
      };
      expect(await open(closed.regional, { region: 'CH' })).toEqual([closed.regional]);
      expect(await open(closed.regional, { region: '' })).toEqual([]);
      expect(await open(closed.ended, { timeMs: world.nowMs - 1 })).toEqual([closed.ended]);
      expect(await open(closed.notBegun, { timeMs: world.nowMs + 1 })).toEqual([closed.notBegun]);
    });

    const probe = {
      contract: contracts.filtering,
      method: 'filter',
      ask: (asked: Call) => answer({}, asked),
    };
    stageSuite(target, {
      name: 'filtering',
      answer: async (asked) => (({ status, candidates }) => ({ status, candidates }))(await answer(asked)),
      candidates: items(0, 1, 2, 3),
    });
    columnsSuite(target, probe, {
      candidates: world.candidates(5),
      encode: (candidates) =>
        FilterRequest.encode({ context: world.context(0), candidates, excluded: undefined }).finish(),
    });
    boundarySuite(target, probe);
  });
}

function seenLongAgo(item: number): User['seenFilter'] {
  const filter = createBloom('typed', bloomShape(10, 1e-6), 1);
  filter.add(item);
  return filter;
}
