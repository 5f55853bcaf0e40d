import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Columns, rankColumn } from '../../common/columns.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import {
  type ExplainResponse,
  RecommendRequest,
  type RecommendResponse,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { DegradedReason, type StageStatus } from '../../gen/millrace/type/v1/type.ts';
import { FOREIGN_RANKERS, type ForeignRanker, missingFor, startForeign } from '../contract/foreign/start.ts';
import { Processes, SERVICES } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const USER = 'user-3';
const ITEMS = 200;
type Scores = Readonly<Record<string, number>>;

/** What each ranker makes of a candidate's other scores; Python is told a boost of n + 1 for `item-n`. */
const EXPECTED: Readonly<Record<ForeignRanker, (scores: Scores, itemId: string) => number>> = {
  'bare-ranker': (scores) =>
    scores[Columns.rrf] * (1 + 0.1 * Math.log10(scores[rankColumn('popularity')] || 1000)),
  'python-ranker': (scores, itemId) => scores[Columns.rrf] * (Number(itemId.slice('item-'.length)) + 1),
};

describe.each(FOREIGN_RANKERS)('%s in place of ranking, by configuration alone', (name) => {
  test('its scores decide, and when it is killed the list goes on without it', {
    timeout: 120_000,
  }, async (context) => {
    const missing = missingFor(name);
    if (missing !== undefined) return context.skip(missing);
    await using folder = await temporaryHome();
    await makeTinyHome(folder.home, { users: 60, items: ITEMS });
    await using ranker = await startForeign(name, await boostsIn(folder.home));
    await using processes = await Processes.start(
      {
        home: folder.home,
        orchestratorSees: { ranking: ranker.address },
        env: {
          MILLRACE__ORCHESTRATOR__SEND_ITEM_IDS: '[ranking]',
          MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000',
        },
      },
      { names: SERVICES.filter((service) => service !== 'ranking') },
    );
    using channel = new Channel(processes.addresses.orchestrator);
    const door = channel.client(contracts.orchestrator);
    const request = RecommendRequest.fromPartial({ userId: USER, limit: 10 });
    const recommend = () => door.recommend(request, rootCall({ timeoutMs: 20_000 }));

    const answered = await recommend();
    expect(answered.items).toHaveLength(10);
    expect(rankingOf(answered)).toMatchObject({ implementation: name, version: '1', degraded: [] });
    expectItsScores(await door.explain({ request }, rootCall({ timeoutMs: 20_000 })), EXPECTED[name]);

    await ranker[Symbol.asyncDispose]();
    const without = await recommend();
    expect(without.items).toHaveLength(10);
    expect(rankingOf(without)).toMatchObject({
      implementation: '',
      degraded: [DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE],
    });
  });
});

async function boostsIn(home: string): Promise<string> {
  const path = join(home, 'boosts.json');
  const boosts = Array.from({ length: ITEMS }, (_, n) => [`item-${n}`, n + 1]);
  await writeFile(path, JSON.stringify(Object.fromEntries(boosts)));
  return path;
}

function rankingOf({ stages }: RecommendResponse): StageStatus | undefined {
  return stages.find(({ stage }) => stage === 'ranking');
}

function expectItsScores(
  { candidates }: ExplainResponse,
  expected: (scores: Scores, itemId: string) => number,
): void {
  const ranked = candidates.filter(({ scores }) => Columns.ranking in scores);
  expect(ranked.length).toBeGreaterThan(20);
  for (const { scores, itemId } of ranked) {
    const wanted = expected(scores, itemId);
    expect(Math.abs(scores[Columns.ranking] / wanted - 1), itemId).toBeLessThan(1e-5);
  }
}
