import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pause } from '../../common/clock.ts';
import { projectRoot } from '../../common/root.ts';
import { freePorts } from './ports.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', join(homedir(), 'go/bin')];

/** A real server that tests start themselves: where its program is, and how it is run on a port over a folder. */
interface ServerKind {
  /** The program; undefined if it cannot be had here. */
  readonly program: string | undefined;
  /** Why a test that needs it is skipped. */
  readonly absent: string;
  readonly args: (port: number, folder: string) => string[];
}

export const REDIS: ServerKind = {
  program: programNamed('redis-server'),
  absent: 'redis-server is not installed (apt-get install redis-server)',
  args: (port, folder) => [
    '--port',
    `${port}`,
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ],
};

export const NATS: ServerKind = {
  program: programNamed('nats-server'),
  absent: 'nats-server is not installed (apt-get install nats-server)',
  args: (port, folder) => ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', folder],
};

/** An S3 API over a folder; takes any bucket named in `S3_BUCKET`. */
export const S3: ServerKind = {
  program: process.execPath,
  absent: '',
  args: (port, folder) => [
    join(projectRoot, 'node_modules/s3rver/bin/s3rver.js'),
    ...['-a', '127.0.0.1', '-p', `${port}`, '-d', folder, '--silent', '--configure-bucket', S3_BUCKET],
  ],
};
export const S3_BUCKET = 'millrace-lake';
/** The credentials that the S3 server of the tests takes. */
export const S3_CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

/** A server on a free port of this machine, over a folder of its own that is removed on disposal. */
export class TestServer implements AsyncDisposable {
  readonly port: number;
  /** What the server keeps. */
  readonly folder: string;
  readonly #kind: ServerKind;
  #child: ChildProcess | undefined;

  private constructor(kind: ServerKind, port: number, folder: string) {
    this.#kind = kind;
    this.port = port;
    this.folder = folder;
  }

  /** Answers when the server takes connections. */
  static async start(kind: ServerKind): Promise<TestServer> {
    const [port] = await freePorts(1);
    const server = new TestServer(kind, port, await mkdtemp(join(tmpdir(), 'millrace-server-')));
    await server.restart();
    return server;
  }

  /** Ends the process at once; what it had on disk stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Freezes the process: it keeps its connections and answers nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Lets a frozen process go on. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Starts the killed server again on the same port and folder. */
  async restart(): Promise<void> {
    const { program, absent, args } = this.#kind;
    if (program === undefined) throw new Error(absent);
    let errors = '';
    const child = spawn(program, args(this.port, this.folder), { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(-2_000);
    });
    this.#child = child;
    const until = Date.now() + START_TIMEOUT_MS;
    while (!(await takesConnections(this.port))) {
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`${program} did not start: ${errors}`);
      await pause(POLL_MS);
    }
    if (child.exitCode !== null) throw new Error(`${program}: another server is at its port: ${errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function programNamed(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (taken: boolean) => () => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}
