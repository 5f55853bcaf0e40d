import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../../common/root.ts';

const FOLDER = join(projectRoot, 'test/contract/foreign');
const PYTHON = 'python3';
const PYTHON_NEEDS = 'grpc, grpc_tools, grpc_health, grpc_reflection, numpy';

/** The ranking stages that are not Millrace's, and how each is started. */
const COMMANDS = {
  'bare-ranker': [process.execPath, '--import', 'tsx', join(FOLDER, 'bare-ranker.ts')],
  'python-ranker': [PYTHON, join(FOLDER, 'ranker.py')],
} as const;
export type ForeignRanker = keyof typeof COMMANDS;
export const FOREIGN_RANKERS = Object.keys(COMMANDS) as ForeignRanker[];

/** Why the stage cannot run on this machine; undefined where it can. */
export function missingFor(ranker: ForeignRanker): string | undefined {
  if (ranker !== 'python-ranker') return undefined;
  const { status } = spawnSync(PYTHON, ['-c', `import ${PYTHON_NEEDS}`]);
  return status === 0 ? undefined : 'needs python3 with test/contract/foreign/requirements.txt installed';
}

/** Starts the stage as a process of its own, by default on a free port; disposal kills it. */
export async function startForeign(
  ranker: ForeignRanker,
  { address = '127.0.0.1:0', args: more = [] }: { address?: string; args?: readonly string[] } = {},
): Promise<AsyncDisposable & { readonly address: string }> {
  const [program, ...args] = COMMANDS[ranker];
  const child = spawn(program, [...args, address, ...more], { cwd: projectRoot });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const port = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const match = /listening on port (\d+)/.exec(said);
      if (match !== null) resolve(match[1]);
    });
    void ended.then(() => reject(new Error(`${ranker} ended: ${errors}`)));
  });
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
