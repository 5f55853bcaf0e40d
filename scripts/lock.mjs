// Plain JavaScript: runs before any dependency is there.
import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;
const NOTICE_MS = 3_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

/** Creates `file` holding this process's id in one step, so that no reader finds it empty; false where it exists. */
function take(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the lock of the dead process `pid`; a lock that a live one has taken meanwhile is put back. */
function removeStale(file, pid) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (holderOf(aside) !== pid) linkSync(aside, file);
  } catch {
    // Another waiter removed it first.
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Runs `work` while no other process on this machine runs it for the same `root`. The lock lies outside the tree, which
 * installation rewrites, and that of a dead process does not count.
 */
export async function withLock(root, work) {
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const file = join(tmpdir(), `millrace-bootstrap-${key}.lock`);
  let waitedMs = 0;
  while (!take(file)) {
    const pid = holderOf(file);
    if (pid !== 0 && !isAlive(pid)) removeStale(file, pid);
    if (waitedMs === NOTICE_MS) console.error(`millrace: waiting for process ${pid} (lock ${file})`);
    await sleep(POLL_MS);
    waitedMs += POLL_MS;
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}
