// Plain JavaScript: runs before any dependency is there.
import { spawn } from 'node:child_process';

/**
 * Runs a program without standard input and collects what it prints.
 * Resolves to `{ code, output }` (stdout and stderr as they came; `code` is null where a signal ended it);
 * rejects where the program cannot be started.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });
}
