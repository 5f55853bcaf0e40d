import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { projectRoot } from '../../common/root.ts';

/** How a command ended. */
export interface CliResult {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `millrace` from the sources, with `home` as its MILLRACE_HOME. */
export function startCli(
  args: readonly string[],
  home: string,
  env: Readonly<Record<string, string>> = {},
): { child: ChildProcess; result: Promise<CliResult> } {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(projectRoot, 'services/cli/main.ts'), ...args],
    {
      cwd: projectRoot,
      env: { ...process.env, MILLRACE_HOME: home, MILLRACE_LOG_LEVEL: 'warn', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const result = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({
      code,
      stdout,
      stderr,
    }),
  );
  return { child, result };
}

/** Runs a command to its end. */
export function runCli(
  args: readonly string[],
  home: string,
  env?: Readonly<Record<string, string>>,
): Promise<CliResult> {
  return startCli(args, home, env).result;
}
