// Plain JavaScript: runs before any dependency is there.
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { Failure } from './failure.mjs';
import { generate, isGenerated } from './generate.mjs';
import { install, isInstalled } from './install.mjs';
import { withLock } from './lock.mjs';

/** `zlib.crc32` came with it. */
const NODE_MIN = [20, 15];
const STEPS = [
  [isInstalled, install],
  [isGenerated, generate],
  [isBuilt, build],
];

/** Prints a line for work that begins and returns what completes it with the seconds taken. Uses stderr. */
function say(what) {
  const startMs = Date.now();
  const seconds = () => ((Date.now() - startMs) / 1000).toFixed(1);
  const live = process.stderr.isTTY === true;
  if (!live) console.error(`millrace: ${what} ...`);
  const draw = () => process.stderr.write(`\r\x1b[Kmillrace: ${what} ... ${seconds()} s`);
  const timer = live ? setInterval(draw, 200) : undefined;
  timer?.unref();
  if (live) draw();
  return () => {
    clearInterval(timer);
    if (live) draw();
    process.stderr.write(live ? '\n' : `millrace: done in ${seconds()} s\n`);
  };
}

/**
 * Brings a clone to where every command works: dependencies, generated code, bundles. Does only what has changed, prints
 * nothing when nothing has; two at once wait for each other. Throws Failure with what to do about it.
 */
export async function bootstrap() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    throw new Failure(
      `Node ${NODE_MIN.join('.')} or newer is needed; this is ${process.version} (${process.execPath}).`,
    );
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (STEPS.every(([isDone]) => isDone(root))) return;
  await withLock(root, async () => {
    for (const [isDone, work] of STEPS) {
      if (!isDone(root)) await work(root, say);
    }
  });
}

/** Runs `main` and ends the process with 1 where it fails: a Failure by its message, anything else with its stack. */
export async function orExit(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Failure ? `\nmillrace: ${error.message}` : error);
    process.exit(1);
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await orExit(bootstrap);
}
