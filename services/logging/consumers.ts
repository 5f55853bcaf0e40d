import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fieldError } from '../../common/errors.ts';
import { makeDirectory, replaceFile } from '../../common/log/durable-files.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Up to where each consumer's own state is durable, in one small file. A consumer is registered by its first commit and from then on
 * holds retention back; one that is no more is deleted from the file by an operator.
 */
export class Consumers {
  readonly #path: string;
  readonly #committed: Map<string, number>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, committed: Map<string, number>) {
    this.#path = path;
    this.#committed = committed;
  }

  /** Reads `consumers.json` in `folder`. */
  static async open(folder: string): Promise<Consumers> {
    const path = join(folder, 'consumers.json');
    const text = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return new Consumers(path, new Map(Object.entries(JSON.parse(text) as Record<string, number>)));
  }

  /** The offset that each consumer has committed. */
  get committed(): ReadonlyMap<string, number> {
    return this.#committed;
  }

  /** The least offset that a consumer has committed; infinite if there is none. */
  get slowest(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#committed.values());
  }

  /** Durable on return. An offset below the last one is taken: the consumer has lost its state and begins again. */
  async commit(name: string, offset: number): Promise<void> {
    if (!NAME.test(name)) throw fieldError('consumer', `must match ${NAME.source}`);
    if (this.#committed.get(name) === offset) return this.#writing;
    this.#committed.set(name, offset);
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    await makeDirectory(dirname(this.#path));
    await replaceFile(this.#path, JSON.stringify(Object.fromEntries(this.#committed)));
  }
}
