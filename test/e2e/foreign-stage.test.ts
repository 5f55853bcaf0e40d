import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Columns, rankColumn } from '../../common/columns.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { type ExplainResponse, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { DegradedReason, type StageStatus } from '../../gen/millrace/type/v1/type.ts';
import { FOREIGN_RANKERS, type ForeignRanker, missingFor, startForeign } from '../contract/foreign/start.ts';
import { Processes, SERVICES } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const USER = 'user-3';
const ITEMS = 200;
const START_TIMEOUT_MS = 120_000;
const POLL = { timeout: 20_000, interval: 100 };
type Scores = Readonly<Record<string, number>>;

/** What each ranker makes of a candidate's other scores; Python is told a boost of n + 1 for `item-n`. */
const EXPECTED: Readonly<Record<ForeignRanker, (scores: Scores, itemId: string) => number>> = {
  'bare-ranker': (scores) =>
    scores[Columns.rrf] * (1 + 0.1 * Math.log10(scores[rankColumn('popularity')] || 1000)),
  'python-ranker': (scores, itemId) => scores[Columns.rrf] * (Number(itemId.slice('item-'.length)) + 1),
};

describe('a foreign stage in place of ranking, by configuration alone', () => {
  let folder: Awaited<ReturnType<typeof temporaryHome>>;
  let processes: Processes;
  let channel: Channel;

  beforeAll(async () => {
    folder = await temporaryHome();
    await makeTinyHome(folder.home, { users: 60, items: ITEMS });
    const env = {
      MILLRACE__ORCHESTRATOR__SEND_ITEM_IDS: '[ranking]',
      MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000',
    };
    const names = SERVICES.filter((service) => service !== 'ranking');
    processes = await Processes.start({ home: folder.home, env }, { names });
    channel = new Channel(processes.addresses.orchestrator);
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    channel?.close();
    await processes?.[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test.for(FOREIGN_RANKERS)(
    '%s: its scores decide, and when it is killed the list goes on',
    async (name, context) => {
      const missing = missingFor(name);
      if (missing !== undefined) return context.skip(missing);
      const door = channel.client(contracts.orchestrator);
      const request = RecommendRequest.fromPartial({ userId: USER, limit: 10 });
      const ranking = async (): Promise<StageStatus | undefined> => {
        const { items, stages } = await door.recommend(request, call());
        expect(items).toHaveLength(10);
        return stages.find(({ stage }) => stage === 'ranking');
      };
      const absent = { implementation: '', degraded: [DegradedReason.DEGRADED_REASON_STAGE_UNAVAILABLE] };
      expect(await ranking()).toMatchObject(absent);
      {
        const args = [await boostsIn(folder.home)];
        await using _ = await startForeign(name, { address: processes.addresses.ranking, args });
        await expect.poll(ranking, POLL).toMatchObject({ implementation: name, version: '1', degraded: [] });
        expectItsScores(await door.explain({ request }, call()), EXPECTED[name]);
      }
      expect(await ranking()).toMatchObject(absent);
    },
  );
});

function call(): Call {
  return rootCall({ timeoutMs: 20_000 });
}

async function boostsIn(home: string): Promise<string> {
  const path = join(home, 'boosts.json');
  const boosts = Array.from({ length: ITEMS }, (_, n) => [`item-${n}`, n + 1]);
  await writeFile(path, JSON.stringify(Object.fromEntries(boosts)));
  return path;
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
