import { describe, expect, test } from 'vitest';
import { type Candidates, Columns, firstNonFinite } from '../../../common/columns.ts';
import { Code } from '../../../common/errors.ts';
import { type Call, rootCall } from '../../../common/rpc/call.ts';
import { contracts, type RerankingService } from '../../../common/rpc/services.ts';
import { RerankRequest } from '../../../gen/millrace/reranking/v1/reranking.ts';
import type { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call, type World } from '../world.ts';
import { boundarySuite } from './boundary.ts';
import { columnsSuite } from './columns.ts';
import { stageSuite } from './stage.ts';

/** Requests whose answers must not depend on the transport. */
export function rerankingRequests(world: World): Parameters<RerankingService['rerank']>[0][] {
  return [0, 1, 500].map((count, user) => ({
    context: world.context(user, { userState: Buffer.alloc(0) }),
    candidates: world.candidates(count),
    limit: 20,
    policy: '',
  }));
}

/** What a re-ranking stage does: a slate out of the request's items, with the probability of each choice. */
export function rerankingSuite(target: Target<RerankingService>): void {
  const { client, world } = target;
  const hundred = world.candidates(100);
  const answer = (
    {
      context = {},
      candidates = hundred,
      limit = 10,
      policy = '',
    }: { context?: Partial<RequestContext>; candidates?: Candidates; limit?: number; policy?: string },
    asked: Call = call(),
  ) =>
    client.rerank(
      { context: world.context(0, { userState: Buffer.alloc(0), ...context }), candidates, limit, policy },
      asked,
    );

  describe(target.name, () => {
    test.each([
      [0, 10],
      [1, 10],
      [5, 10],
      [500, 1],
      [500, 20],
      [500, 500],
    ])('of %i candidates at most %i come back, each once, out of the request', async (count, limit) => {
      const candidates = world.candidates(count);
      const { candidates: slate } = await answer({ candidates, limit });
      expect(slate.count).toBeLessThanOrEqual(Math.min(count, limit));
      if (!target.foreign) expect(slate.count).toBe(Math.min(count, limit));
      expect(new Set(slate.items).size).toBe(slate.count);
      expect([...candidates.items]).toEqual(expect.arrayContaining([...slate.items]));
      expect(firstNonFinite(slate.column(Columns.reranking))).toBe(-1);
      for (const propensity of slate.column(Columns.propensity)) {
        expect(propensity).toBeGreaterThan(0);
        expect(propensity).toBeLessThanOrEqual(1);
      }
    });

    test('the same request gets the same slate', async () => {
      expect((await answer({})).candidates).toEqual((await answer({})).candidates);
    });

    test.each([0, 501, 10_000])('a limit of %i is refused, and the next call is served', async (limit) => {
      await expectRefusal(target, answer({ limit }), Code.INVALID_ARGUMENT, 'LIMIT_OUT_OF_RANGE');
      await answer({});
    });

    test('a policy that there is not is refused, and the next call is served', async (context) => {
      if (target.foreign) return context.skip('another stage may know any policy');
      await expectRefusal(target, answer({ policy: 'none-such' }), Code.INVALID_ARGUMENT, 'FIELD_INVALID');
      await answer({});
    });

    test('rules that fired name items of the request', async () => {
      const { firings } = await answer({});
      for (const { rule, item, effect } of firings) {
        expect(rule).not.toBe('');
        expect(['boost', 'bury', 'pin', 'exclude']).toContain(effect);
        expect([...hundred.items]).toContain(item);
      }
    });

    test('WatchPolicy begins with the version that answers', async (context) => {
      const { policyVersion } = await answer({});
      if (policyVersion === '') return context.skip('this stage names no policy');
      const controller = new AbortController();
      const watching = rootCall({ signal: controller.signal, timeoutMs: 10_000 });
      for await (const { version } of client.watchPolicy({ version: '' }, watching)) {
        expect(version).toBe(policyVersion);
        break;
      }
      controller.abort();
    });

    const probe = {
      contract: contracts.reranking,
      method: 'rerank',
      ask: (asked: Call) => answer({}, asked),
    };
    stageSuite(target, { name: 'reranking', answer, candidates: hundred });
    columnsSuite(target, probe, {
      candidates: hundred,
      encode: (candidates) =>
        RerankRequest.encode({ context: world.context(0), candidates, limit: 10, policy: '' }).finish(),
    });
    boundarySuite(target, probe);
  });
}
