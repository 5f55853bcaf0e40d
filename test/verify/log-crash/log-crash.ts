import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../../../common/clock.ts';
import { Random } from '../../../common/random.ts';
import { projectRoot } from '../../../common/root.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts } from '../../../common/rpc/services.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { untilServing } from '../../support/health.ts';
import {
  freeAddresses,
  type Running,
  type ServiceAddresses,
  spawnMillrace,
} from '../../support/processes.ts';
import { NATS, TestServer } from '../../support/servers.ts';
import { temporaryHome } from '../../support/temporary-home.ts';
import type { ProofOptions } from '../proof.ts';
import { Clients, ITEM } from './clients.ts';
import { find } from './found.ts';
import { forgetUnsynced } from './power.ts';

const CHILD = join(projectRoot, 'test/verify/log-crash/child.ts');
const START_MS = 60_000;
const PAUSE_MS = 300;
/** Longer than a roller takes to start and to commit. */
const ROLLER_PAUSE_MS = 3_000;
const POLL_MS = 10;
/** The orders of ways in which things die; a kill takes the next one at random. */
const WAYS = {
  'local segments': { kills: 60, victims: ['logging', 'logging', 'roller', 'features'] },
  'local segments, unsynced writes dropped': { kills: 80, victims: ['power'] },
  'NATS JetStream': { kills: 60, victims: ['logging', 'server', 'server', 'roller', 'features'] },
} as const;
type Way = keyof typeof WAYS;
type Victim = (typeof WAYS)[Way]['victims'][number];

/** Ways to do it wrongly, which the proof must find. */
const BROKEN: Readonly<Record<string, Way>> = { unsynced: 'local segments, unsynced writes dropped' };

/**
 * Kills the logging service, the roller of the lake, the features service and nats-server at random points while four clients write;
 * for local segments also all that write there at once, after which what was not fsynced is gone. Holds if every acknowledged
 * event is in the log, the lake and the features exactly once.
 */
export async function verifyLogCrash({ short, broken, print }: ProofOptions): Promise<boolean> {
  if (broken !== undefined && BROKEN[broken] === undefined)
    throw new Error(`--break ${broken}: known are ${Object.keys(BROKEN).join(', ')}`);
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  print(`seed ${seed} (SEED=${seed} repeats the choices)`);
  let holds = true;
  for (const [i, way] of (Object.keys(WAYS) as Way[]).entries()) {
    if (broken !== undefined && BROKEN[broken] !== way) continue;
    if (way === 'NATS JetStream' && NATS.program === undefined) {
      print(`${way}: not tried, ${NATS.absent}`);
      holds = false;
      continue;
    }
    const kills = short ? SHORT_KILLS : WAYS[way].kills;
    await using scene = await Scene.start(way, broken, new Random(seed + i));
    if (!(await scene.play(kills, print))) holds = false;
  }
  return holds;
}

const SHORT_KILLS = 3;

/** The processes of one way, over one home. */
class Scene implements AsyncDisposable {
  readonly #way: Way;
  readonly #random: Random;
  readonly #folder: Awaited<ReturnType<typeof temporaryHome>>;
  readonly #addresses: ServiceAddresses;
  readonly #server: TestServer | undefined;
  readonly #env: Record<string, string>;
  readonly #children = new Map<'logging' | 'roller', ChildProcess>();
  #features: Running | undefined;
  #bytesGone = 0;
  #rollerGaveUp = false;

  private constructor(
    way: Way,
    random: Random,
    parts: {
      folder: Awaited<ReturnType<typeof temporaryHome>>;
      addresses: ServiceAddresses;
      server: TestServer | undefined;
      env: Record<string, string>;
    },
  ) {
    this.#way = way;
    this.#random = random;
    this.#folder = parts.folder;
    this.#addresses = parts.addresses;
    this.#server = parts.server;
    this.#env = parts.env;
  }

  static async start(way: Way, broken: string | undefined, random: Random): Promise<Scene> {
    const folder = await temporaryHome();
    const addresses = await freeAddresses();
    const server = way === 'NATS JetStream' ? await TestServer.start(NATS) : undefined;
    const journal = join(folder.home, 'journal');
    await writeFile(journal, '');
    const env = {
      MILLRACE_HOME: folder.home,
      MILLRACE_LOG_LEVEL: 'fatal',
      MILLRACE__ADDRESSES__LOGGING: addresses.logging,
      MILLRACE__ADDRESSES__FEATURES: addresses.features,
      MILLRACE__FEATURES__SNAPSHOT_EVENTS: '300',
      MILLRACE__LOGGING__SEGMENT_BYTES_MAX: '65536',
      MILLRACE__LAKE__ENABLED: 'false',
      ...(way === 'local segments, unsynced writes dropped' ? { PROOF_JOURNAL: journal } : {}),
      ...(broken === undefined ? {} : { PROOF_BROKEN: broken }),
      ...(server === undefined
        ? {}
        : {
            MILLRACE__LOGGING__ENGINE: 'nats',
            MILLRACE__LOGGING__NATS__SERVERS: `['127.0.0.1:${server.port}']`,
          }),
    };
    const scene = new Scene(way, random, { folder, addresses, server, env });
    for (const name of ['logging', 'roller'] as const) scene.#spawn(name);
    await untilServing(addresses.logging, START_MS);
    scene.#startFeatures();
    await untilServing(addresses.features, START_MS);
    using channel = new Channel(addresses.features);
    const items = [Item.fromPartial({ id: ITEM, title: ITEM })];
    await channel
      .client(contracts.features)
      .upsertItems({ items, expectedEpoch: 0 }, rootCall({ timeoutMs: START_MS }));
    return scene;
  }

  /** Kills so often, then looks what is there. */
  async play(kills: number, print: (line: string) => void): Promise<boolean> {
    const startedAt = performance.now();
    const clients = new Clients(this.#addresses.logging, this.#random);
    const { victims } = WAYS[this.#way];
    for (let i = 0; i < kills && !this.#rollerGaveUp; i++) {
      await untilMore(clients);
      await pause(this.#random.int(PAUSE_MS));
      await this.#strike(victims[this.#random.int(victims.length)]);
    }
    await untilMore(clients);
    await clients.stop();
    const found = await this.#find(clients).catch((error: Error) => {
      print(`  ${error.message}`);
      return undefined;
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    const gone = this.#bytesGone === 0 ? '' : `, ${this.#bytesGone} unsynced bytes dropped`;
    print(
      `${this.#way}: ${kills} kills${gone}, ${clients.acknowledged.size} events acknowledged, ${seconds} s`,
    );
    for (const { place, events, duplicates, missing } of found ?? [])
      print(`  ${place.padEnd(9)}${events} events, ${duplicates} duplicates, ${missing} missing`);
    if (clients.retold > 0) print(`  ${clients.retold} acknowledged appends were called new again`);
    return (
      clients.retold === 0 && found?.every(({ duplicates, missing }) => duplicates + missing === 0) === true
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of ['logging', 'roller'] as const) await this.#kill(name);
    await this.#killFeatures();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  /** What log, lake and features hold. Throws if one of them refuses what the others have. */
  async #find({ acknowledged }: Clients): ReturnType<typeof find> {
    if (this.#rollerGaveUp) throw new Error('the roller refuses: the lake has events that the log has not');
    await untilServing(this.#addresses.features, START_MS);
    await this.#kill('roller');
    return find(this.#env, this.#addresses.features, acknowledged);
  }

  async #strike(victim: Victim): Promise<void> {
    if (victim === 'features') {
      if (this.#random.int(4) > 0) await untilServing(this.#addresses.features, START_MS);
      await pause(this.#random.int(PAUSE_MS));
      await this.#killFeatures();
      this.#startFeatures();
    } else if (victim === 'server') {
      await this.#server?.kill();
      await pause(this.#random.int(PAUSE_MS));
      await this.#server?.restart();
    } else if (victim === 'power') {
      await Promise.all([this.#kill('logging'), this.#kill('roller')]);
      const [log, journal] = [join(this.#folder.home, 'log'), join(this.#folder.home, 'journal')];
      this.#bytesGone += await forgetUnsynced(log, journal, this.#random);
      for (const name of ['logging', 'roller'] as const) this.#spawn(name);
    } else {
      if (victim === 'roller') await pause(this.#random.int(ROLLER_PAUSE_MS));
      await this.#kill(victim);
      this.#spawn(victim);
    }
  }

  #spawn(name: 'logging' | 'roller'): void {
    const args = ['--import', 'tsx', CHILD, name === 'roller' ? 'roll' : 'serve'];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#children.set(name, child);
    if (name === 'roller')
      child.once('exit', (code) => {
        if (code !== null) this.#rollerGaveUp = true;
      });
  }

  async #kill(name: 'logging' | 'roller'): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #startFeatures(): void {
    this.#features = spawnMillrace(['serve', 'features'], this.#env);
  }

  async #killFeatures(): Promise<void> {
    this.#features?.child.kill('SIGKILL');
    await this.#features?.ended;
  }
}

/** Answers when something more has been acknowledged. */
async function untilMore({ acknowledged }: Clients): Promise<void> {
  const before = acknowledged.size;
  const until = Date.now() + START_MS;
  while (acknowledged.size === before) {
    if (Date.now() > until) throw new Error(`nothing was acknowledged for ${START_MS} ms`);
    await pause(POLL_MS);
  }
}
