import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { ConfigSource } from '../../common/config.ts';
import { projectRoot } from '../../common/root.ts';
import { Tls } from '../../common/rpc/tls.ts';
import { addressesSchema, type ServiceName } from '../../common/service.ts';
import { untilServing } from './health.ts';
import { freePorts } from './ports.ts';

/** In the order in which they are best started. */
export const SERVICES: readonly ServiceName[] = [
  'logging',
  'features',
  'candidates',
  'filtering',
  'ranking',
  'reranking',
  'orchestrator',
];
const START_TIMEOUT_MS = 60_000;
const STDERR_CHARS_MAX = 4_000;

export interface ProcessesOptions {
  /** The MILLRACE_HOME that all share. */
  readonly home: string;
  /** Environment variables for all. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the orchestrator finds a stage, if not where it listens: `host:port` by name. */
  readonly orchestratorSees?: Partial<Record<ServiceName, string>>;
}

/**
 * The services of Millrace as processes of their own (`millrace serve NAME`) on free ports over one home, which can be killed,
 * stopped and started again one by one. Disposal kills all that this object started.
 */
export class Processes implements AsyncDisposable {
  readonly addresses: Readonly<Record<ServiceName, string>>;
  readonly #options: ProcessesOptions;
  readonly #running = new Map<ServiceName, Running>();

  private constructor(options: ProcessesOptions, addresses: Record<ServiceName, string>) {
    this.#options = options;
    this.addresses = addresses;
  }

  /** Starts `names` (default: all) and answers when each reports SERVING. */
  static async start(
    options: ProcessesOptions,
    { names = SERVICES, addresses }: { names?: readonly ServiceName[]; addresses?: ServiceAddresses } = {},
  ): Promise<Processes> {
    const processes = new Processes(options, addresses ?? (await freeAddresses()));
    try {
      for (const name of names) processes.#spawn(name);
      for (const name of names) await processes.untilServing(name);
    } catch (error) {
      await processes[Symbol.asyncDispose]();
      throw error;
    }
    return processes;
  }

  /** Ends the process at once, as a crash would. */
  async kill(name: ServiceName): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    running.child.kill('SIGKILL');
    await running.ended;
  }

  /** Freezes the process: it keeps its connections and answers nothing. */
  stop(name: ServiceName): void {
    this.#running.get(name)?.child.kill('SIGSTOP');
  }

  /** Lets a frozen process go on. */
  resume(name: ServiceName): void {
    this.#running.get(name)?.child.kill('SIGCONT');
  }

  /** Starts a killed service again and answers when it reports SERVING. */
  async restart(name: ServiceName): Promise<void> {
    this.#spawn(name);
    await this.untilServing(name);
  }

  /** Fails with what the process wrote to its standard error if it ends before it serves. */
  async untilServing(name: ServiceName): Promise<void> {
    const running = this.#running.get(name) as Running;
    const early = running.ended.then(() => {
      throw new Error(`millrace serve ${name} ended: ${running.stderr()}`);
    });
    const { home, env } = this.#options;
    const tls = Tls.of(new ConfigSource({ MILLRACE_HOME: home, ...env }));
    await Promise.race([untilServing(this.addresses[name], START_TIMEOUT_MS, tls), early]);
  }

  /** The id of the service's process; undefined while it is not running. */
  pid(name: ServiceName): number | undefined {
    const child = this.#running.get(name)?.child;
    return child?.exitCode === null && child.signalCode === null ? child.pid : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)));
  }

  #spawn(name: ServiceName): void {
    const { home, env = {}, orchestratorSees = {} } = this.#options;
    const seen = name === 'orchestrator' ? { ...this.addresses, ...orchestratorSees } : this.addresses;
    const addresses = Object.entries({ ...seen, [name]: this.addresses[name] }).map(([service, address]) => [
      `MILLRACE__ADDRESSES__${service.toUpperCase()}`,
      address,
    ]);
    this.#running.set(
      name,
      spawnMillrace(['serve', name], { MILLRACE_HOME: home, ...Object.fromEntries(addresses), ...env }),
    );
  }
}

export type ServiceAddresses = Record<ServiceName, string>;

/** A process of the command line with the end of its standard error. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  stderr(): string;
}

/** Runs `millrace` with arguments, from the bundles in `dist/`, with nothing of this process's own Millrace settings. */
export function spawnMillrace(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const own = Object.entries(process.env).filter(([name]) => !/^(MILLRACE|VITEST|NODE_OPTIONS)/i.test(name));
  const child = spawn(process.execPath, [join(projectRoot, 'bin/millrace.mjs'), ...args], {
    env: { ...Object.fromEntries(own), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-STDERR_CHARS_MAX);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, ended, stderr: () => text };
}

/** An address on a free port of this machine for every service. */
export async function freeAddresses(): Promise<ServiceAddresses> {
  const addresses: Partial<ServiceAddresses> = {};
  const ports = await freePorts(SERVICES.length);
  for (const [i, name] of SERVICES.entries()) addresses[name] = `127.0.0.1:${ports[i]}`;
  return addressesSchema.parse(addresses);
}
