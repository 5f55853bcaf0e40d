import { describe, expect, test } from 'vitest';
import { Candidates, Columns, rankColumn, scoreColumn } from '../../../common/columns.ts';
import { Code } from '../../../common/errors.ts';
import type { Call } from '../../../common/rpc/call.ts';
import { type CandidatesService, contracts } from '../../../common/rpc/services.ts';
import { RetrieveRequest } from '../../../gen/millrace/candidates/v1/candidates.ts';
import type { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call, type World } from '../world.ts';
import { boundarySuite } from './boundary.ts';
import { columnsSuite } from './columns.ts';
import { stageSuite } from './stage.ts';

type Request = Parameters<CandidatesService['retrieve']>[0];

/** Requests whose answers must not depend on the transport. */
export function candidatesRequests(world: World): Request[] {
  return [1, 50, 10_000].flatMap((limit, user) =>
    [Candidates.empty, new Candidates(Uint32Array.of(4, 9))].map((seeds) => ({
      context: world.context(user),
      limit,
      seeds,
      sources: [],
      excluded: Candidates.empty,
    })),
  );
}

/** What a candidates stage does: at most so many different items, best first, and where each came from. */
export function candidatesSuite(target: Target<CandidatesService>): void {
  const { client, world, foreign } = target;
  const answer = (
    {
      context = {},
      limit = 100,
      seeds = Candidates.empty,
      sources = [],
      excluded = Candidates.empty,
    }: Partial<Omit<Request, 'context'>> & { context?: Partial<RequestContext> },
    asked: Call = call(),
  ) => client.retrieve({ context: world.context(0, context), limit, seeds, sources, excluded }, asked);

  describe(target.name, () => {
    test.each([1, 100, 10_000])(
      'at most %i items, each once, by falling retrieval.rrf, ties by ordinal',
      async (limit) => {
        const { candidates } = await answer({ limit });
        expect(candidates.count).toBeGreaterThan(0);
        expect(candidates.count).toBeLessThanOrEqual(limit);
        expect(new Set(candidates.items).size).toBe(candidates.count);
        const rrf = candidates.column(Columns.rrf);
        for (let row = 1; row < candidates.count; row++) {
          expect(rrf[row]).toBeLessThanOrEqual(rrf[row - 1]);
          if (rrf[row] === rrf[row - 1])
            expect(candidates.items[row]).toBeGreaterThan(candidates.items[row - 1]);
        }
      },
    );

    test('every source asked has its status, and its columns agree with it', async () => {
      const { candidates, sources } = await answer({ limit: 10_000 });
      expect(new Set(sources.map(({ name }) => name)).size).toBe(sources.length);
      for (const { name, count, error } of sources) {
        if (error !== '') continue;
        const ranks = candidates.column(rankColumn(name));
        const scores = candidates.column(scoreColumn(name));
        const given = [...ranks].filter((rank) => rank > 0);
        expect(given.length, name).toBeLessThanOrEqual(count);
        expect(new Set(given).size, name).toBe(given.length);
        for (const [row, rank] of ranks.entries()) {
          expect(Number.isInteger(rank) && rank >= 0 && rank <= count).toBe(true);
          if (rank === 0) expect(scores[row]).toBe(0);
        }
      }
      const named = sources.flatMap(({ name }) => [rankColumn(name), scoreColumn(name)]);
      const others = [...candidates.columns.keys()].filter((name) => name.startsWith('retrieval.'));
      expect([Columns.rrf, ...named]).toEqual(expect.arrayContaining(others));
    });

    test('every item was retrieved by some source', async () => {
      const { candidates, sources } = await answer({});
      const ranks = sources
        .filter(({ error }) => error === '')
        .map(({ name }) => candidates.column(rankColumn(name)));
      for (let row = 0; row < candidates.count; row++) expect(ranks.some((of) => of[row] > 0)).toBe(true);
    });

    test('the same request gets the same candidates', async () => {
      expect((await answer({})).candidates).toEqual((await answer({})).candidates);
    });

    test('only the sources named are asked; an unknown one is refused', async () => {
      const { sources: all } = await answer({});
      const [{ name }] = all;
      const { sources } = await answer({ sources: [name] });
      expect(sources.map((source) => source.name)).toEqual([name]);
      const unknown = answer({ sources: ['no_such_source'] });
      await expectRefusal(target, unknown, Code.INVALID_ARGUMENT, 'SOURCE_UNKNOWN');
    });

    test('items that the caller does not want are passed over, and deeper ones take their places', async (context) => {
      if (foreign) return context.skip('a stage may pass over the field');
      const { candidates: first } = await answer({ limit: 20 });
      const { candidates: next } = await answer({ limit: 20, excluded: new Candidates(first.items) });
      expect(next.count).toBe(20);
      expect([...next.items].filter((item) => first.items.includes(item))).toEqual([]);
    });

    test('nobody gets candidates too', async () => {
      const { candidates } = await answer({ context: { userState: Buffer.alloc(0) } });
      expect(candidates.count).toBeGreaterThan(0);
    });

    test('an item that was deleted is not retrieved', async (context) => {
      if (foreign) return context.skip('the catalogue of a stage under TARGET is its own');
      const { candidates } = await answer({ limit: 10_000 });
      expect([...candidates.items]).not.toContain(world.closed.deleted);
    });

    test.each([0, 10_001])('a limit of %i is refused, and the next call is served', async (limit) => {
      await expectRefusal(target, answer({ limit }), Code.INVALID_ARGUMENT, 'LIMIT_OUT_OF_RANGE');
      await answer({});
    });

    const probe = {
      contract: contracts.candidates,
      method: 'retrieve',
      ask: (asked: Call) => answer({}, asked),
    };
    stageSuite(target, {
      name: 'candidates',
      answer: ({ context }) => answer(context === undefined ? {} : { context }),
      candidates: undefined,
    });
    columnsSuite(target, probe, {
      candidates: world.candidates(5),
      encode: (seeds) =>
        RetrieveRequest.encode(
          RetrieveRequest.fromPartial({ context: world.context(0), limit: 10, seeds }),
        ).finish(),
    });
    boundarySuite(target, probe);
  });
}
