import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../common/root.ts';
import { freeAddresses, type ServiceAddresses } from '../support/processes.ts';
import { type HopName, methodOf } from './hops.ts';
import { PlainClient } from './plain-client.ts';

/** The processes of `hops-floor.worker.ts`, laid out like the services. Disposal kills them. */
export class HopsFloor implements AsyncDisposable {
  readonly addresses: ServiceAddresses;
  readonly #children: ReadonlyMap<HopName, ChildProcess>;

  private constructor(addresses: ServiceAddresses, children: ReadonlyMap<HopName, ChildProcess>) {
    this.addresses = addresses;
    this.#children = children;
  }

  /** `recordings`: a file of the `Recordings` of the hops named, serialised by node:v8. */
  static async start(recordings: string, names: readonly HopName[]): Promise<HopsFloor> {
    const addresses = await freeAddresses();
    const worker = join(projectRoot, 'dist/hops-floor.worker.js');
    const children = new Map(
      names.map((name) => [
        name,
        spawn(process.execPath, [worker, name, recordings, JSON.stringify(addresses)], {
          stdio: ['ignore', 'ignore', 'inherit'],
        }),
      ]),
    );
    const floor = new HopsFloor(addresses, children);
    for (const name of names) {
      const client = new PlainClient(addresses[name], methodOf(name));
      await client.ready();
      client.close();
    }
    return floor;
  }

  /** Process ids by name. */
  get processes(): Record<string, number> {
    return Object.fromEntries([...this.#children].map(([name, { pid }]) => [name, pid as number]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#children.values()].map((child) => {
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGKILL');
        return ended;
      }),
    );
  }
}
