import { pause } from '../../common/clock.ts';
import { encodeEvent } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type PrivacyService } from '../../common/rpc/services.ts';
import {
  type GetBudgetResponse,
  QueryPrivateRequest,
  Statistic,
} from '../../gen/millrace/logging/v1/logging.ts';
import { rated } from '../../services/logging/privacy/fixtures/people.ts';
import { lakeHome, roll } from '../support/lakes.ts';
import { Processes } from '../support/processes.ts';
import type { Proof } from './proof.ts';

const KILLS = 100;
const KILLS_SHORT = 4;
const CLIENTS = 8;
const SEED = 1;
const SETTINGS = { MILLRACE__PRIVACY__EPSILON: '100', MILLRACE_LOG_LEVEL: 'error' };
const QUERY = QueryPrivateRequest.fromPartial({
  statistic: Statistic.STATISTIC_COUNT,
  fromDate: '2026-11-01',
  untilDate: '2026-11-02',
  epsilon: 0.001,
});

/**
 * Clients ask a logging service, a process of its own, for private answers while it is killed without warning again and again. After each
 * restart the ledger must have at least as many charges as answers have come.
 */
export const verifyPrivacyLedger: Proof = async ({ short, print }) => {
  const kills = short ? KILLS_SHORT : KILLS;
  const random = new Random(SEED);
  await using place = await lakeHome('local');
  {
    await using log = await SegmentLog.open(`${place.home}/log`);
    await log.append([encodeEvent(rated('u', 'i', 1))]);
    await roll(log, place.config);
  }
  await using processes = await Processes.start({ home: place.home, env: SETTINGS }, { names: ['logging'] });
  let [answers, charges, unanswered, missing] = [0, 0, 0, 0];
  for (let kill = 0; kill < kills; kill++) {
    using channel = new Channel(processes.addresses.logging);
    const privacy = channel.client(contracts.privacy);
    const stopping = new AbortController();
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!stopping.signal.aborted) {
        const answered = await privacy.queryPrivate(QUERY, rootCall({ timeoutMs: 5_000 })).then(
          () => true,
          () => false,
        );
        if (answered) answers++;
        else await pause(5);
      }
    });
    await pause(100 + random.int(300));
    await processes.kill('logging');
    stopping.abort();
    await Promise.all(clients);
    await processes.restart('logging');
    const { windows } = await budgetOf(privacy);
    charges = windows.find(({ window }) => window === '2026-11')?.queries ?? 0;
    if (charges < answers) missing++;
    unanswered = charges - answers;
  }
  print(
    `seed ${SEED}: ${kills} kills, ${answers} answers, ${charges} charges in the ledger, ${unanswered} of them unanswered`,
  );
  print(`restarts after which the ledger had fewer charges than answers: ${missing}`);
  return missing === 0 && answers > kills;
};

/** Asked until a connection is there again. */
async function budgetOf(privacy: PrivacyService): Promise<GetBudgetResponse> {
  for (const endMs = Date.now() + 30_000; ; await pause(50)) {
    try {
      return await privacy.getBudget({}, rootCall({ timeoutMs: 20_000 }));
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
}
