import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../common/root.ts';

const MAIN = join(projectRoot, 'test/verify/main.ts');

it.each([
  [['nonesuch'], 'There is no proof nonesuch'],
  [['regret', 'month'], 'There is no proof regret month'],
  [['regret', '--bogus'], "Unknown option '--bogus'"],
  [['regret', '--seed', 'x'], '--seed x is no whole number'],
])('verify refuses %j by a line of its own', (args, why) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`verify: ${why}`);
  expect(stderr).not.toContain('    at ');
});
