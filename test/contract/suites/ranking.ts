import { describe, expect, test } from 'vitest';
import { bytesOf, Candidates, Columns, firstNonFinite } from '../../../common/columns.ts';
import type { Call } from '../../../common/rpc/call.ts';
import { contracts, type RankingService } from '../../../common/rpc/services.ts';
import { RankRequest } from '../../../gen/millrace/ranking/v1/ranking.ts';
import type { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import type { Target } from '../target.ts';
import { call, type World } from '../world.ts';
import { boundarySuite } from './boundary.ts';
import { columnsSuite } from './columns.ts';
import { stageSuite } from './stage.ts';

/** Candidates as ranking gets them. */
function unranked(world: World, count: number): Candidates {
  const candidates = world.candidates(count);
  const columns = new Map([...candidates.columns].filter(([name]) => name !== Columns.ranking));
  return new Candidates(candidates.items, columns, candidates.ids);
}

/** Requests whose answers must not depend on the transport. */
export function rankingRequests(world: World): Parameters<RankingService['rank']>[0][] {
  return [0, 1, 500].map((count, user) => ({
    context: world.context(user),
    candidates: unranked(world, count),
    wantsFeatures: true,
  }));
}

interface Question {
  readonly context?: Partial<RequestContext>;
  readonly candidates?: Candidates;
  readonly wantsFeatures?: boolean;
}

/** What a ranking stage does: one finite score a row, and what its model was fed if it has a model and is asked. */
export function rankingSuite(target: Target<RankingService>): void {
  const { client, world } = target;
  const fifty = unranked(world, 50);
  const answer = (
    { context = {}, candidates = fifty, wantsFeatures = false }: Question,
    asked: Call = call(),
  ) => client.rank({ context: world.context(0, context), candidates, wantsFeatures }, asked);

  describe(target.name, () => {
    test.each([0, 1, 500])(
      '%i rows come back as the same rows in the same order, each with a score',
      async (count) => {
        const candidates = unranked(world, count);
        const { candidates: ranked } = await answer({ candidates });
        expect([...ranked.items]).toEqual([...candidates.items]);
        const scores = ranked.column(Columns.ranking);
        expect([scores.length, firstNonFinite(scores)]).toEqual([count, -1]);
      },
    );

    test('the same request gets the same bits', async () => {
      const [first, again] = [await answer({}), await answer({})];
      expect(bytesOf(again.candidates.column(Columns.ranking))).toEqual(
        bytesOf(first.candidates.column(Columns.ranking)),
      );
    });

    test('calls at the same time do not mix', async () => {
      const sizes = Array.from({ length: 20 }, (_, i) => i + 1);
      const alone: Buffer[] = [];
      for (const size of sizes) alone.push(await scoresOf(size));
      expect(await Promise.all(sizes.map(scoresOf))).toEqual(alone);
    });

    test('the columns of the request are not repeated', async () => {
      const { candidates: ranked } = await answer({});
      expect([...ranked.columns.keys()].filter((name) => fifty.columns.has(name))).toEqual([]);
    });

    test('what the model was fed comes with the scores where it is wanted, a row an item', async (context) => {
      const { features: unasked, candidates: ranked } = await answer({});
      expect(unasked.length).toBe(0);
      const { features, featureSchema, candidates } = await answer({ wantsFeatures: true });
      expect(bytesOf(candidates.column(Columns.ranking))).toEqual(bytesOf(ranked.column(Columns.ranking)));
      if (target.foreign && features.length === 0) return context.skip('it has nothing of the kind');
      expect(featureSchema).not.toBe('');
      const backwards = fifty.take(Array.from({ length: 50 }, (_, row) => 49 - row));
      const reversed = await answer({ wantsFeatures: true, candidates: backwards });
      const width = features.length / 50;
      const rowOf = (bytes: Buffer, row: number) => bytes.subarray(row * width, (row + 1) * width);
      for (let row = 0; row < 50; row++)
        expect(rowOf(reversed.features, 49 - row).equals(rowOf(features, row))).toBe(true);
    });

    test('nobody gets scores too', async () => {
      const { candidates: ranked } = await answer({ context: { userState: Buffer.alloc(0) } });
      expect(ranked.count).toBe(50);
    });

    const probe = { contract: contracts.ranking, method: 'rank', ask: (asked: Call) => answer({}, asked) };
    stageSuite(target, { name: 'ranking', answer, candidates: fifty });
    columnsSuite(target, probe, {
      candidates: fifty,
      encode: (candidates) =>
        RankRequest.encode({ context: world.context(0), candidates, wantsFeatures: false }).finish(),
    });
    boundarySuite(target, probe);
  });

  async function scoresOf(count: number): Promise<Buffer> {
    const { candidates } = await answer({ candidates: unranked(world, count) });
    return bytesOf(candidates.column(Columns.ranking));
  }
}
