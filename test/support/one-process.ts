import { untilServing } from './health.ts';
import { freeAddresses, type Running, spawnMillrace } from './processes.ts';

const START_TIMEOUT_MS = 60_000;

/** All of Millrace in one process of its own (`millrace serve all`); disposal kills it. */
export class OneProcess implements AsyncDisposable {
  /** Where the front door listens. */
  readonly address: string;
  readonly #running: Running;

  private constructor(address: string, running: Running) {
    this.address = address;
    this.#running = running;
  }

  /** Starts it over `home` and answers when it reports SERVING. */
  static async start(home: string, env: Readonly<Record<string, string>> = {}): Promise<OneProcess> {
    const { orchestrator: address } = await freeAddresses();
    const running = spawnMillrace(['serve', 'all'], {
      MILLRACE_HOME: home,
      MILLRACE__ADDRESSES__ORCHESTRATOR: address,
      ...env,
    });
    const one = new OneProcess(address, running);
    const early = running.ended.then(() => {
      throw new Error(`millrace serve all ended: ${running.stderr()}`);
    });
    try {
      await Promise.race([untilServing(address, START_TIMEOUT_MS), early]);
    } catch (error) {
      await one[Symbol.asyncDispose]();
      throw error;
    }
    return one;
  }

  get isAlive(): boolean {
    const { exitCode, signalCode } = this.#running.child;
    return exitCode === null && signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running.child.kill('SIGKILL');
    await this.#running.ended;
  }
}
