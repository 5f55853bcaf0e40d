import { join } from 'node:path';
import { pause } from '../../common/clock.ts';
import { asMillraceError, Code } from '../../common/errors.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import type { ServiceName } from '../../common/service.ts';
import { Driver, type Tally } from '../support/driver.ts';
import { readEvents } from '../support/logged-events.ts';
import { Processes } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyBundle, type TinyBundle } from '../support/tiny-bundle.ts';
import { makeTinyHome, tinyPairs } from '../support/tiny-home.ts';
import type { ProofOptions } from './proof.ts';

const USERS = 60;
const ITEMS = 400;
const DEADLINE_MS = 1_000;
/** Of the short form, which shares its machine with other tests. */
const DEADLINE_SHORT_MS = 3_000;
const RECONNECT_MS = 1_500;
const RETRY_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
const SHED = 'LOAD_SHED';
const FAULTY: readonly ServiceName[] = [
  'features',
  'candidates',
  'filtering',
  'ranking',
  'reranking',
  'logging',
];

/**
 * Runs all services as processes under traffic while a bundle is swapped and while each of them is killed, restarted, frozen and
 * resumed. Holds if every Recommend is answered within its deadline, says that it is degraded while a stage is away, and shows
 * nothing blocked, seen, hidden, excluded or twice; if feedback is refused only while the log is away, as LOG_UNAVAILABLE; and if
 * the log afterwards holds each acknowledged event once.
 */
export async function verifyFaults({ short, print }: ProofOptions): Promise<boolean> {
  const requests = short ? 64 : 1_000;
  const deadlineMs = short ? DEADLINE_SHORT_MS : DEADLINE_MS;
  print(`every answer is due in ${deadlineMs} ms`);
  await using folder = await temporaryHome();
  const world = await makeTinyHome(folder.home, { users: USERS, items: ITEMS });
  await makeTinyBundle(folder.home, { users: USERS, items: ITEMS, version: 'tiny-2', dim: 8 });
  await world.store.setLive({ champion: world.manifest.version });
  const run = new FaultRun(world, { requests, deadlineMs, print });
  {
    await using processes = await Processes.start({ home: folder.home });
    await run.all(processes);
  }
  await run.checkLog(join(folder.home, 'log'));
  print(`violations in all: ${run.violations.length}`);
  for (const violation of [...new Set(run.violations)].slice(0, 20)) print(`  ${violation}`);
  return run.violations.length === 0;
}

interface System {
  readonly driver: Driver;
  readonly processes: Processes;
  /** Blocks one more of the most popular items. */
  readonly block: () => Promise<void>;
}

class FaultRun {
  readonly violations: string[] = [];
  readonly #world: TinyBundle;
  readonly #requests: number;
  readonly #deadlineMs: number;
  readonly #print: (line: string) => void;
  #driver: Driver | undefined;

  constructor(
    world: TinyBundle,
    options: { requests: number; deadlineMs: number; print: (line: string) => void },
  ) {
    this.#world = world;
    this.#requests = options.requests;
    this.#deadlineMs = options.deadlineMs;
    this.#print = options.print;
  }

  async all(processes: Processes): Promise<void> {
    using door = new Channel(processes.addresses.orchestrator);
    using catalogue = new Channel(processes.addresses.features);
    const features = catalogue.client(contracts.features);
    const driver = new Driver({
      door: door.client(contracts.orchestrator),
      users: Array.from({ length: USERS }, (_, row) => `user-${row}`),
      random: new Random(7),
      deadlineMs: this.#deadlineMs,
    });
    this.#driver = driver;
    for (const [userId, itemId] of tinyPairs(this.#world)) driver.truth.did(userId, itemId);
    let blocked = 0;
    const block = async (): Promise<void> => {
      const itemId = `item-${blocked++}`;
      await untilTaken(() =>
        features.block(
          { itemIds: [itemId], reason: 'fault test', untilMs: 0 },
          rootCall({ timeoutMs: 10_000 }),
        ),
      );
      driver.truth.gone(itemId, 'BLOCKED');
    };
    await block();
    await driver.greetAll();
    await this.#phase('calm', driver.run(this.#requests));
    await this.#swap(driver);
    for (const name of FAULTY) await this.#away({ driver, processes, block }, name);
    await driver.retry(RETRY_TIMEOUT_MS);
    if (driver.refusedCount > 0) this.violations.push(`${driver.refusedCount} events never acknowledged`);
  }

  /** Every acknowledged event is in the log, once. */
  async checkLog(folder: string): Promise<void> {
    const counts = new Map<string, number>();
    for await (const { event } of readEvents(folder))
      counts.set(event.eventId, (counts.get(event.eventId) ?? 0) + 1);
    const acknowledged = [...(this.#driver as Driver).acknowledged];
    const wrong = acknowledged.filter((eventId) => counts.get(eventId) !== 1);
    this.#print(`log: ${acknowledged.length} events acknowledged, ${wrong.length} not there exactly once`);
    for (const eventId of wrong) this.violations.push(`LOG ${eventId}: ${counts.get(eventId) ?? 0} times`);
  }

  async #swap(driver: Driver): Promise<void> {
    const traffic = driver.run(this.#requests);
    await driver.reached(this.#requests / 4);
    await this.#world.store.promote('tiny-2');
    await this.#phase('bundle swapped', traffic);
    await pause(RECONNECT_MS);
    const after = await this.#phase('after the swap', driver.run(this.#requests / 4));
    if (after.bundles.has('tiny-1') || !after.bundles.has('tiny-2'))
      this.violations.push(`SWAP answers by bundle: ${[...after.bundles].join('; ')}`);
  }

  async #away(system: System, name: ServiceName): Promise<void> {
    const { driver, processes, block } = system;
    const logAway = name === 'logging';
    const silent = { degraded: !logAway, logAway };
    driver.expect({ logAway });
    const killed = driver.run(this.#requests);
    await driver.reached(this.#requests / 4);
    await processes.kill(name);
    driver.expect(silent);
    await this.#phase(`${name} killed`, killed);
    driver.expect({ logAway });
    const restarted = processes.restart(name);
    await this.#phase(`${name} restarted`, driver.run(this.#requests / 2, restarted));
    await restarted;
    await block();
    await this.#untilBack(driver, name);
    const frozen = driver.run(this.#requests / 2);
    await driver.reached(this.#requests / 8);
    processes.stop(name);
    driver.expect(silent);
    await this.#phase(`${name} stopped`, frozen);
    driver.expect({ logAway });
    processes.resume(name);
    await this.#phase(`${name} resumed`, driver.run(this.#requests / 2));
    driver.expect({});
    await driver.retry(RETRY_TIMEOUT_MS);
    await block();
    await this.#untilBack(driver, name);
    await this.#phase(`${name} back`, driver.run(this.#requests / 2));
  }

  /** Asks until answers no longer say that the service is away. */
  async #untilBack(driver: Driver, name: ServiceName): Promise<void> {
    const endMs = Date.now() + RETRY_TIMEOUT_MS;
    for (;;) {
      const { reasons } = await driver.run(8);
      const away = [...reasons.keys()].filter(
        (reason) => reason.startsWith(`${name}:`) && !reason.endsWith(SHED),
      );
      if (away.length === 0) return;
      if (Date.now() > endMs) {
        this.violations.push(`BACK ${name} is running and answers still say ${away.join(', ')}`);
        return;
      }
      await pause(POLL_MS);
    }
  }

  async #phase(name: string, traffic: Promise<Tally>): Promise<Tally> {
    const tally = await traffic;
    const ms = (q: number): string => tally.quantileMs(q).toFixed(0).padStart(4);
    const reasons = [...tally.reasons]
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]) => `${reason} ${count}`);
    this.#print(
      `${name.padEnd(26)}${String(tally.latenciesMs.length).padStart(5)} answers` +
        `  p50 ${ms(0.5)}  p99 ${ms(0.99)}  max ${ms(1)} ms` +
        `  feedback ${tally.feedbackAcknowledged} kept, ${tally.feedbackRefused} refused` +
        `  violations ${tally.violations.length}\n${' '.repeat(26)}${reasons.join(', ')}`,
    );
    this.violations.push(...tally.violations.map((violation) => `${name}: ${violation}`));
    return tally;
  }
}

/** Does it again while it is refused as UNAVAILABLE: connections to a service that was restarted come back after a moment. */
async function untilTaken(work: () => Promise<unknown>): Promise<void> {
  const endMs = Date.now() + RETRY_TIMEOUT_MS;
  for (;;) {
    const refusal = await work().then(() => undefined, asMillraceError);
    if (refusal === undefined) return;
    if (refusal.code !== Code.UNAVAILABLE || Date.now() > endMs) throw refusal;
    await pause(POLL_MS);
  }
}
