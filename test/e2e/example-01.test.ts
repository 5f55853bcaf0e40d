import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { projectRoot } from '../../common/root.ts';
import { addressesSchema } from '../../common/service.ts';
import { freePorts } from '../support/ports.ts';
import { temporaryHome } from '../support/temporary-home.ts';

vi.setConfig({ testTimeout: 300_000 });
const README = join(projectRoot, 'examples/01-from-logs-to-recommendations/README.md');

/** The commands of one chapter. */
async function commandsOf(chapter: string): Promise<string> {
  const [, body = ''] = (await readFile(README, 'utf8')).split(`## ${chapter}\n`);
  const blocks = body.split('\n## ')[0].matchAll(/```sh\n([\s\S]*?)```/g);
  return [...blocks].map(([, commands]) => commands).join('');
}

/** Runs a script in the folder of Millrace on free ports, with what it writes in `work`; ends whatever it leaves running. */
async function run(script: string, work: string): Promise<{ code: number | null; output: string }> {
  const names = Object.keys(addressesSchema.parse({}));
  const [s3Port, ...ports] = await freePorts(names.length + 1);
  const addresses = names.map((name, i) => [`MILLRACE__ADDRESSES__${name}`, `127.0.0.1:${ports[i]}`]);
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: projectRoot,
    env: {
      ...process.env,
      ...Object.fromEntries(addresses),
      WORK: work,
      S3_PORT: String(s3Port),
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const streams = Promise.all([text(child.stdout), text(child.stderr)]);
  const code = await ended;
  try {
    process.kill(-(child.pid as number), 'SIGKILL');
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' });
  }
  return { code, output: (await streams).join('') };
}

/** The recommended items, in order. */
const recommended = (output: string): string[] =>
  [...output.matchAll(/^\d +Thing .* (sku-\d+)$/gm)].map(([, id]) => id);

test("the example's commands lead from logs to recommendations, on this machine and on S3 to the same ones", async () => {
  const answers: string[][] = [];
  for (const chapter of ['On this machine', 'On S3']) {
    await using folder = await temporaryHome();
    const { code, output } = await run(await commandsOf(chapter), folder.home);
    expect(code, output).toBe(0);
    expect(output).toContain('240 items, 0 users and 15000 interactions from 15240 rows (0 bad)');
    answers.push(recommended(output));
  }
  expect(answers[0]).toHaveLength(5);
  expect(answers[1]).toEqual(answers[0]);
});
