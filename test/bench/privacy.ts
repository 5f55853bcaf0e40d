import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigSource } from '../../common/config.ts';
import { ExactNoise } from '../../common/privacy/exact-noise.ts';
import { ratioAtLeast } from '../../common/privacy/ratio.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { GroupBy, Noise, QueryPrivateRequest, Statistic } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { PrivateAnswers } from '../../services/logging/privacy/answers.ts';
import { Ledger } from '../../services/logging/privacy/ledger.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { lakePart } from './memory-lake.ts';
import { memoryHome } from './memory-log.ts';

const OCTOBER = { fromDate: '2026-10-01', untilDate: '2026-11-01' };
const BY_ITEM = {
  groupBy: GroupBy.GROUP_BY_ITEM,
  groupsPerUser: 20,
  eventsPerGroup: 3,
  epsilon: 1,
  delta: 1e-6,
};
const QUERIES: Readonly<Record<string, Partial<QueryPrivateRequest>>> = {
  'count by item': { ...BY_ITEM, statistic: Statistic.STATISTIC_COUNT },
  'count by item, Gaussian': {
    ...BY_ITEM,
    statistic: Statistic.STATISTIC_COUNT,
    noise: Noise.NOISE_GAUSSIAN,
  },
  'mean rating by item': {
    ...BY_ITEM,
    statistic: Statistic.STATISTIC_MEAN,
    actions: [Action.ACTION_RATING],
    low: 0,
    high: 5,
  },
  'median of watch time': {
    statistic: Statistic.STATISTIC_QUANTILES,
    actions: [Action.ACTION_WATCH],
    eventsPerGroup: 10,
    low: 0,
    high: 10_000,
    ranks: [0.5],
    epsilon: 1,
  },
  'count by day': {
    statistic: Statistic.STATISTIC_COUNT,
    groupBy: GroupBy.GROUP_BY_DAY,
    groupsPerUser: 31,
    epsilon: 1,
  },
};
const CHARGES_SECONDS = 3;
const CALLS = 10_000_000;
const DRAWS = 200_000;

/** Private queries over a lake, the ledger's charges/s by how many wait at once, and draws/s of noise. */
export const privacyBench: Bench = {
  usage: '[--events N] [--seed N]',
  async run(args, print) {
    const options = parsed(args, {
      events: { type: 'string', default: '5000000' },
      seed: { type: 'string', default: '1' },
    });
    const events = wholeNumber(options.events, 'events', 1);
    const lakeHome = await memoryHome(events, wholeNumber(options.seed, 'seed'));
    if (!existsSync(join(lakeHome, 'lake'))) await lakePart(lakeHome, events);
    await queries(join(lakeHome, 'lake'), events, print);
    for (const atOnce of [1, 16, 256]) await charges(atOnce, print);
    draws(print);
  },
};

async function queries(folder: string, events: number, print: (line: string) => void): Promise<void> {
  await using home = await temporaryHome();
  const source = new ConfigSource({
    MILLRACE_HOME: home.home,
    MILLRACE__LAKE__FOLDER: folder,
    MILLRACE__PRIVACY__EPSILON: '100',
    MILLRACE__PRIVACY__DELTA: '0.001',
  });
  const answers = new PrivateAnswers(source);
  for (const [query, fields] of Object.entries(QUERIES)) {
    const request = QueryPrivateRequest.fromPartial({ ...OCTOBER, ...fields });
    const startedAt = performance.now();
    const { groups } = await answers.queryPrivate(request, rootCall());
    print(
      JSON.stringify({
        query,
        events,
        groups: groups.length,
        seconds: rounded((performance.now() - startedAt) / 1_000),
      }),
    );
  }
  await answers.close();
}

async function charges(atOnce: number, print: (line: string) => void): Promise<void> {
  await using home = await temporaryHome();
  const ledger = await Ledger.open(join(home.home, 'privacy'));
  const loss = { pure: [{ epsilon: 1 / CALLS, times: 1 }], rho: 0, delta: 0 };
  const charge = { analyst: 'bench', windows: ['2026-10'], loss, query: 'count by item' };
  const endMs = performance.now() + CHARGES_SECONDS * 1_000;
  let made = 0;
  const client = async (): Promise<void> => {
    for (; performance.now() < endMs; made++) await ledger.charge(charge, { epsilon: 1, delta: 0 });
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  await ledger.close();
  print(JSON.stringify({ ledger: 'charges', atOnce, perSecond: Math.round(made / CHARGES_SECONDS) }));
  const startedAt = performance.now();
  await (await Ledger.open(join(home.home, 'privacy'))).close();
  const seconds = (performance.now() - startedAt) / 1_000;
  print(JSON.stringify({ ledger: 'charges read by the next owner', made, seconds: rounded(seconds) }));
}

function draws(print: (line: string) => void): void {
  const noise = new ExactNoise();
  const laws: Readonly<Record<string, () => number>> = {
    'discrete Laplace, scale 10': () => noise.discreteLaplace({ over: 10, under: 1 }),
    'discrete Laplace, scale 2^24': () => noise.discreteLaplace({ over: 2 ** 24, under: 1 }),
    'discrete Gaussian, sigma 10': () => noise.discreteGaussian({ over: 100, under: 1 }),
    'discrete Gaussian, sigma 2^24': () => noise.discreteGaussian(ratioAtLeast(2 ** 48)),
  };
  for (const [law, draw] of Object.entries(laws)) {
    const startedAt = performance.now();
    for (let i = 0; i < DRAWS; i++) draw();
    const seconds = (performance.now() - startedAt) / 1_000;
    print(JSON.stringify({ law, drawsPerSecond: Math.round(DRAWS / seconds) }));
  }
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}
