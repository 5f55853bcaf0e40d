import { join } from 'node:path';
import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { Tls } from '../../common/rpc/tls.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { TestAuthority } from '../support/certificates.ts';
import { Processes, SERVICES } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { load } from './load.ts';

const USERS = 200;
const ITEMS = 2_000;
const CONCURRENCY = 8;
const ROUNDS = 20;
const ROUNDS_SHORT = 1;
const WARM_UP_ROUNDS = 5;
const CALLS = 100;
const TIMEOUT_MS = 60_000;
const SETTINGS = { MILLRACE_LOG_LEVEL: 'warn', MILLRACE__ORCHESTRATOR__DEADLINE_MS: '60000' };
const SERVES = [{ name: 'millrace', subject: 'CN:millrace', roles: ['serve', 'operate', 'raw'] }];

/**
 * Recommend through seven processes by connections that are plain, encrypted with certificates on both sides, and that with the
 * role *serve* asked for in addition. All three run from the beginning and are asked a few calls at a time in turn, so that what else
 * the machine does is shared by all. CPU is that of an installation's processes and of this one.
 */
export const tlsBench: Bench = {
  usage: '[--short] [--rounds N]',
  async run(args, print) {
    const { short, rounds: given } = parsed(args, {
      short: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    });
    const fallback = short ? ROUNDS_SHORT : ROUNDS;
    const rounds = given === undefined ? fallback : wholeNumber(given, 'rounds', 1);
    await using folder = await temporaryHome();
    const subject = { commonName: 'millrace', names: ['IP:127.0.0.1'] };
    const tls = await new TestAuthority().issueInto(join(folder.home, 'tls'), 'millrace', subject);
    const roles = { ...tls, MILLRACE__ACCESS__CERTIFICATES: JSON.stringify(SERVES) };
    await using plain = await Installation.start(join(folder.home, 'plain'), {});
    await using encrypted = await Installation.start(join(folder.home, 'encrypted'), tls);
    await using guarded = await Installation.start(join(folder.home, 'guarded'), roles);
    const layouts = { plain, tls: encrypted, 'tls and roles': guarded };
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++)
      for (const layout of Object.values(layouts)) await layout.ask(round >= 0);
    print('layout         CPU/call  CPU / plain  median ms');
    for (const [name, { cpuUs, p50Ms }] of Object.entries(layouts)) {
      const median = p50Ms.toSorted((a, b) => a - b)[rounds >> 1];
      print(
        `${name.padEnd(13)}${(cpuUs / rounds).toFixed(0).padStart(7)} us` +
          `${(cpuUs / plain.cpuUs).toFixed(3).padStart(12)}${median.toFixed(2).padStart(11)}`,
      );
    }
  },
};

class Installation implements AsyncDisposable {
  /** Of a call, summed over rounds. */
  cpuUs = 0;
  readonly p50Ms: number[] = [];
  readonly #running: Processes;
  readonly #channel: Channel;

  private constructor(running: Processes, channel: Channel) {
    this.#running = running;
    this.#channel = channel;
  }

  static async start(home: string, settings: Readonly<Record<string, string>>): Promise<Installation> {
    await makeTinyHome(home, { users: USERS, items: ITEMS });
    const env = { ...SETTINGS, ...settings };
    const running = await Processes.start({ home, env });
    const tls = Tls.of(new ConfigSource({ MILLRACE_HOME: home, ...env }));
    return new Installation(running, new Channel(running.addresses.orchestrator, { tls }));
  }

  async ask(isCounted: boolean): Promise<void> {
    const orchestrator = this.#channel.client(contracts.orchestrator);
    const processes = Object.fromEntries(SERVICES.map((name) => [name, this.#running.pid(name) as number]));
    const call = async (number: number): Promise<void> => {
      const request = RecommendRequest.fromPartial({ userId: `user-${number % USERS}` });
      await orchestrator.recommend(request, rootCall({ timeoutMs: TIMEOUT_MS }));
    };
    const { cpuUsPerCall, p50Ms } = await load({ calls: CALLS, concurrency: CONCURRENCY, processes, call });
    if (!isCounted) return;
    this.cpuUs += cpuUsPerCall;
    this.p50Ms.push(p50Ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.#running[Symbol.asyncDispose]();
  }
}
