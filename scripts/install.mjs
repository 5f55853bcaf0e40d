// Plain JavaScript: runs before any dependency is there.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Failure } from './failure.mjs';
import { hashFiles, readOr, writeAtomically } from './files.mjs';
import { run } from './run.mjs';

const STAMP = 'node_modules/.millrace-install';
const TOOLCHAIN_HINT = {
  darwin: 'xcode-select --install',
  linux: "apt-get install g++ make python3   (or your distribution's equivalent)",
};

function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Names of the tools that compiling hnswlib-node needs and this machine lacks. */
function missingTools() {
  if (process.platform === 'win32') return [];
  const needs = [
    ['g++', process.env.CXX, ['g++', 'c++', 'clang++']],
    ['make', process.env.MAKE, ['make', 'gmake']],
    ['python3', process.env.PYTHON ?? process.env.npm_config_python, ['python3', 'python']],
  ];
  return needs.filter(([, chosen, names]) => !chosen && !names.some(onPath)).map(([name]) => name);
}

/** True where node_modules holds just what the lockfile asks for, as after an `npm ci` typed by hand. */
function matchesLockfile(root) {
  const installed = readOr(join(root, 'node_modules/.package-lock.json'));
  if (installed === '') return false;
  const actual = JSON.parse(installed).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    return actual[path] === undefined ? optional === true : actual[path].version === version;
  });
}

/** The environment for npm: native modules compile against Node's own headers where it has them, so offline too. */
function npmEnvironment() {
  const prefix = dirname(dirname(process.execPath));
  const own = existsSync(join(prefix, 'include/node')) ? { npm_config_nodedir: prefix } : {};
  return { ...own, ...process.env };
}

function npmCommand() {
  const self = process.env.npm_execpath;
  if (self !== undefined && /npm-cli\.c?js$/.test(self)) return [process.execPath, [self]];
  if (process.platform === 'win32') return ['npm.cmd', []];
  if (!onPath('npm')) throw new Failure('npm is not on the PATH: install it with Node (https://nodejs.org).');
  return ['npm', []];
}

async function npmCi(root, say) {
  const missing = missingTools();
  if (missing.length > 0) {
    const hint = TOOLCHAIN_HINT[process.platform] ?? 'a C++ compiler, make and Python 3';
    throw new Failure(`hnswlib-node is compiled on installation. Missing: ${missing.join(', ')}\n  ${hint}`);
  }
  const [command, args] = npmCommand();
  const flags = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const done = say('installing dependencies (npm ci; compiles one native module)');
  const { code, output } = await run(command, [...args, ...flags], { cwd: root, env: npmEnvironment() });
  done();
  if (code !== 0) {
    throw new Failure(`npm ci failed (exit ${code}):\n${output.trimEnd().split('\n').slice(-40).join('\n')}`);
  }
}

function lockfileHash(root) {
  return hashFiles(root, ['package-lock.json']);
}

/** True where node_modules is known to be what the lockfile asks for. */
export function isInstalled(root) {
  return readOr(join(root, STAMP)) === lockfileHash(root);
}

/** Brings node_modules to what the lockfile asks for. Throws Failure naming the tool that is missing. */
export async function install(root, say) {
  if (!matchesLockfile(root)) await npmCi(root, say);
  writeAtomically(join(root, STAMP), lockfileHash(root));
}
