import { expectedBloomRate } from '../../../common/bloom/filter.ts';
import { measureBloomRate } from '../../../common/bloom/rate.ts';
import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import { decodeUser } from '../../../common/user-state.ts';
import { featuresSchema } from '../../../services/features/config.ts';
import { Driver, type Tally } from '../../support/driver.ts';
import { temporaryHome } from '../../support/temporary-home.ts';
import { makeTinyHome, tinyPairs } from '../../support/tiny-home.ts';
import type { ProofOptions } from '../proof.ts';
import { BREAKAGES } from './breakages.ts';
import { GARBAGE, type Garbage } from './garbage.ts';
import { Past } from './past.ts';
import { System } from './system.ts';

interface Amounts {
  readonly past: { users: number; items: number; often: number; seldom: number };
  /** Seen items that a state holds exactly: the popular ones, seen first, are in the Bloom filter. */
  readonly seenExactMax: number;
  /** Slates of a phase; half as many for each kind of garbage, and while filtering is slow. */
  readonly slates: number;
  readonly shownMin: number;
  /** Items blocked and unblocked in a burst, and how often. */
  readonly burst: { items: number; times: number };
  readonly probes: number;
  /** Of a request in Millrace. */
  readonly deadlineMs: number;
  /** Beyond what filtering may take of it. */
  readonly slowMs: number;
}

const FULL: Amounts = {
  past: { users: 2_000, items: 20_000, often: 0.7, seldom: 0.1034 },
  seenExactMax: 960,
  slates: 6_000,
  shownMin: 1_000_000,
  burst: { items: 1_500, times: 2 },
  probes: 100_000,
  deadlineMs: 1_000,
  slowMs: 400,
};
const SHORT: Amounts = {
  past: { users: 40, items: 1_000, often: 0.7, seldom: 0.1 },
  seenExactMax: 60,
  slates: 40,
  shownMin: 6_000,
  burst: { items: 280, times: 4 },
  probes: 10_000,
  deadlineMs: 4_000,
  slowMs: 1_500,
};
const LIMIT = 20;
/** Of a phase. */
const VIOLATIONS_PRINTED = 5;
const CLIENT_DEADLINE_MS = 20_000;
const SEED = 23;
/** Of 9,999 in 10,000 measurements the rate is not above its bound: normal quantile. */
const Z_9999 = 3.719;

/**
 * Shows a million items to people who have seen ten million while the filtering stage is killed, slow and wrong, Bloom filters are
 * made anew, items are blocked and people hide and consume more. Retrieval is not told who asks, so that nothing but filters keeps
 * away what was seen. Holds if nothing blocked, hidden, seen, excluded or repeated is
 * shown, and the Bloom filters of seen items err no more than they are sized for.
 */
export async function verifyFilterLeak({ short, broken, print }: ProofOptions): Promise<boolean> {
  const breakage = BREAKAGES[broken ?? 'nothing'];
  if (breakage === undefined)
    throw new Error(`--break is to be one of ${Object.keys(BREAKAGES).slice(1).join(', ')}`);
  const amounts = short ? SHORT : FULL;
  const env = {
    MILLRACE__FEATURES__SEEN_EXACT_MAX: String(amounts.seenExactMax),
    MILLRACE__ORCHESTRATOR__DEADLINE_MS: String(amounts.deadlineMs),
    MILLRACE__ORCHESTRATOR__QUALITY_MIN: '1',
    MILLRACE__ORCHESTRATOR__RECORD_FEATURES: '0',
    MILLRACE__ORCHESTRATOR__SEND_USER_STATE: '[filtering, ranking]',
    MILLRACE__FEATURES__HISTORY_MAX: '50',
  };
  await using folder = await temporaryHome();
  const past = new Past(amounts.past);
  const world = await makeTinyHome(folder.home, { users: past.users, items: past.items });
  const pairs = await past.store(folder.home, env);
  print(`${past.users} people have seen ${pairs} items of ${past.items}; seed ${SEED}`);
  using _mended = breakage.inProcess();
  await using system = await System.start(folder.home, env, breakage.features);
  const run = new LeakRun(system, past, amounts, print);
  for (const [userId, itemId] of tinyPairs(world)) run.driver.truth.did(userId, itemId);
  await run.all();
  const rateHolds = await run.measureRate(new ConfigSource({ MILLRACE_HOME: folder.home, ...env }));
  return run.summary() && rateHolds;
}

class LeakRun {
  readonly driver: Driver;
  readonly #system: System;
  readonly #past: Past;
  readonly #amounts: Amounts;
  readonly #print: (line: string) => void;
  readonly #random = new Random(SEED);
  readonly #tallies: Tally[] = [];
  readonly #faults: string[] = [];
  #blocked: string[] = [];
  #stopBlocking = false;

  constructor(system: System, past: Past, amounts: Amounts, print: (line: string) => void) {
    this.#system = system;
    this.#past = past;
    this.#amounts = amounts;
    this.#print = print;
    this.driver = new Driver({
      door: system.door,
      users: Array.from({ length: past.users }, (_, user) => `user-${user}`),
      random: this.#random,
      deadlineMs: CLIENT_DEADLINE_MS,
      limit: LIMIT,
      isPast: (userId, itemId) => past.hasIds(userId, itemId),
    });
  }

  async all(): Promise<void> {
    const { filtering, proxy } = this.#system;
    const { slates, shownMin, slowMs } = this.#amounts;
    this.driver.expect({ logAway: true });
    const blocking = this.#keepBlocking();
    await this.#phase('calm', slates);
    const killed = this.#phase('filtering killed under way', slates, 'filtering:STAGE_UNAVAILABLE');
    await this.driver.reached(slates / 10);
    await filtering.kill('filtering');
    await killed;
    const restarted = filtering.restart('filtering');
    await this.#phase('filtering restarted under way', slates / 2, undefined, restarted);
    await this.#faulty('slow', { fault: { delayMs: slowMs }, seenAs: 'filtering:STAGE_TIMEOUT' }, slates / 3);
    for (const [what, garbage] of Object.entries(GARBAGE)) await this.#faulty(what, garbage, slates / 2);
    await this.#phase('blocked filter made anew under way', slates, undefined, this.#burst());
    proxy.set('filter');
    while (this.#shown < shownMin) await this.#phase('calm again', slates);
    this.#stopBlocking = true;
    await blocking;
  }

  /** Measures the filters of seen items as they are now against what was really seen. */
  async measureRate(config: ConfigSource): Promise<boolean> {
    const { seenFalsePositiveRate: rate } = config.section('features', featuresSchema);
    const random = new Random(SEED);
    const share = Math.ceil(this.#amounts.probes / this.#past.users);
    let probes = 0;
    let positives = 0;
    let expected = 0;
    for (let user = 0; user < this.#past.users; user++) {
      const userId = `user-${user}`;
      const { state } = await this.#system.features.getUserState(
        { userId, earlierIds: [], parts: [], asOf: 0 },
        rootCall(),
      );
      const { seenFilter } = decodeUser(state);
      if (seenFilter === undefined) continue;
      const measured = measureBloomRate(seenFilter, (key) => key < this.#past.items, 2 ** 32, share, random);
      probes += share;
      positives += Math.round(measured * share);
      expected += share * expectedBloomRate(seenFilter.shape, seenFilter.added);
    }
    const allowed = rate * probes + Z_9999 * Math.sqrt(rate * (1 - rate) * probes);
    this.#print(
      `false positives of the seen filters: ${positives} of ${probes} probes; ${expected.toFixed(0)} follow from their fill, ` +
        `${Math.floor(allowed)} are allowed at a rate of ${rate}`,
    );
    for (const { labels, value } of (await metrics.bloomFalsePositiveRatio.get()).values)
      this.#print(`exported false-positive rate, ${labels.filter}: ${value.toFixed(5)}`);
    for (const { labels, value } of (await metrics.bloomRebuiltTotal.get()).values)
      this.#print(`Bloom filters made anew, ${labels.filter}: ${value}`);
    return probes > 0 && positives <= allowed;
  }

  summary(): boolean {
    const violations = this.#tallies.flatMap((tally) => tally.violations);
    const kinds = new Map<string, number>();
    for (const violation of violations) {
      const kind = /^[A-Z_]+( BEFORE)?/.exec(violation)?.[0] ?? violation;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const slates = this.#tallies.reduce((sum, tally) => sum + tally.requests, 0);
    this.#print(
      `${slates} slates, ${this.#shown} items shown; ${this.#blocked.length} items blocked at the end`,
    );
    this.#print(
      `violations: ${violations.length}${[...kinds].map(([kind, count]) => `; ${kind} ${count}`).join('')}`,
    );
    const unchecked = this.#tallies.reduce(
      (sum, { reasons }) => sum + (reasons.get('features:SEEN_UNCHECKED') ?? 0),
      0,
    );
    this.#print(`answers that say that what was seen is unchecked: ${unchecked}`);
    for (const fault of this.#faults) this.#print(`  ${fault}`);
    return violations.length === 0 && this.#faults.length === 0 && unchecked === 0;
  }

  get #shown(): number {
    return this.#tallies.reduce((sum, { shown }) => sum + shown, 0);
  }

  async #faulty(what: string, { fault, seenAs }: Garbage, slates: number): Promise<void> {
    this.#system.proxy.set('filter', fault);
    await this.#phase(`filtering ${what}`, slates, seenAs);
    this.#system.proxy.set('filter');
  }

  /** `seenAs`: the stage and reason that some answers have to give. */
  async #phase(
    what: string,
    slates: number,
    seenAs?: string,
    until: Promise<unknown> = Promise.resolve(),
  ): Promise<void> {
    const startedAt = performance.now();
    const tally = await this.driver.run(slates, until);
    this.#tallies.push(tally);
    const reasons = [...tally.reasons].map(([reason, count]) => `${reason} ${count}`).join(', ');
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#print(
      `${what}: ${tally.requests} slates, ${tally.shown} shown, ${tally.violations.length} violations, ${seconds.toFixed(0)} s; ${reasons}`,
    );
    for (const violation of tally.violations.slice(0, VIOLATIONS_PRINTED)) this.#print(`  ${violation}`);
    if (seenAs !== undefined && !tally.reasons.has(seenAs))
      this.#faults.push(`${what}: no answer says ${seenAs}`);
  }

  /** Blocks one more item of odd number, popular ones oftener, every now and then. */
  async #keepBlocking(): Promise<void> {
    while (!this.#stopBlocking) {
      const itemId = `item-${Math.floor(this.#past.items * this.#random.next() ** 2) | 1}`;
      await this.#block([itemId]);
      await pause(50);
    }
  }

  /** Blocks many items of even number at once and takes the blocks back, so that the filter in front of them is made anew. */
  async #burst(): Promise<void> {
    const { items, times } = this.#amounts.burst;
    for (let time = 0; time < times; time++) {
      const ids = Array.from(
        { length: items },
        (_, i) => `item-${(2 * (time * items + i)) % this.#past.items}`,
      );
      await this.#block(ids);
      await pause(20);
      const back = new Set(ids);
      this.#blocked = this.#blocked.filter((id) => !back.has(id));
      for (const id of ids) this.driver.truth.back(id);
      await this.#system.features.unblock({ itemIds: ids }, rootCall({ timeoutMs: CLIENT_DEADLINE_MS }));
    }
  }

  async #block(itemIds: readonly string[]): Promise<void> {
    const call = rootCall({ timeoutMs: CLIENT_DEADLINE_MS });
    await this.#system.features.block({ itemIds: [...itemIds], reason: 'proof', untilMs: 0 }, call);
    for (const itemId of itemIds) this.driver.truth.gone(itemId, 'BLOCKED');
    this.#blocked.push(...itemIds);
  }
}
