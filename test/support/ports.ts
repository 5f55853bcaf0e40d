import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below what systems give to outgoing connections, which would else take the port of a server that is killed and started again. */
const [FIRST, LAST] = [15_000, 32_000];
const FOLDER = join(tmpdir(), 'millrace-test-ports');
const reserved = new Set<string>();

/** Ports of this machine that are free, and that no other test takes as long as this process lives. */
export async function freePorts(count: number): Promise<number[]> {
  mkdirSync(FOLDER, { recursive: true });
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(FIRST, LAST);
    if (reserves(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

function reserves(port: number): boolean {
  const path = join(FOLDER, `${port}`);
  try {
    writeFileSync(path, `${process.pid}`, { flag: 'wx' });
  } catch {
    if (isHeld(path)) return false;
    rmSync(path, { force: true });
    return reserves(port);
  }
  if (reserved.size === 0) process.once('exit', releaseAll);
  reserved.add(path);
  return true;
}

/** Whether the process that reserved it lives. */
function isHeld(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'utf8')) || process.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function releaseAll(): void {
  for (const path of reserved) rmSync(path, { force: true });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
