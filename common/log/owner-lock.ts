import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LogLockedError } from './errors.ts';

interface Owner {
  pid: number;
  /** Tells two processes that were given the same pid apart; null where the system does not say (no /proc). */
  started: string | null;
}

const NAME = /^owner-(\d+)\.lock$/;

/**
 * Exclusive ownership of a directory by a process, as a file `owner-N.lock` that names it. A dead owner is succeeded by
 * creating N + 1 (by `link`, which is atomic and writes the content at once), so that of several successors one wins.
 * It holds among processes that see one another's pids: not between containers that mount one volume.
 */
export class OwnerLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws `LogLockedError` naming the live owner; this process counts too. */
  static async acquire(dir: string): Promise<OwnerLock> {
    const draft = join(dir, `owner-${randomUUID()}.tmp`);
    const self: Owner = { pid: process.pid, started: (await startOf(process.pid)).started };
    try {
      for (;;) {
        const others = await lockNames(dir);
        await refuseLiving(dir, others);
        await writeFile(draft, JSON.stringify(self));
        const name = `owner-${1 + Math.max(0, ...others.map(generation))}.lock`;
        if (!(await linked(draft, join(dir, name)))) continue;
        const lock = new OwnerLock(join(dir, name));
        await lock.#succeed(dir, name);
        return lock;
      }
    } finally {
      await rm(draft, { force: true });
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** Yields to anyone alive who got in by another number, then clears the dead away. */
  async #succeed(dir: string, name: string): Promise<void> {
    try {
      const others = (await lockNames(dir)).filter((other) => other !== name);
      await refuseLiving(dir, others);
      for (const other of others) await rm(join(dir, other), { force: true });
    } catch (error) {
      await this.release();
      throw error;
    }
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

async function lockNames(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => NAME.test(name));
}

function generation(name: string): number {
  return Number(NAME.exec(name)![1]);
}

async function refuseLiving(dir: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const owner = await readOwner(join(dir, name));
    if (owner !== null && (await isAlive(owner))) throw new LogLockedError(dir, owner.pid);
  }
}

/** Null where the lock is gone, or where a power failure emptied it: its owner is dead either way. */
async function readOwner(path: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const { started, zombie } = await startOf(owner.pid);
  if (zombie) return false;
  return started === null || owner.started === null || started === owner.started;
}

/** The boot and the tick at which a process began, from Linux's /proc (proc_pid_stat(5): state is field 3, starttime 22). */
async function startOf(pid: number): Promise<{ started: string | null; zombie: boolean }> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { started: `${boot.trim()}:${fields[19]}`, zombie: fields[0] === 'Z' };
  } catch {
    return { started: null, zombie: false };
  }
}
