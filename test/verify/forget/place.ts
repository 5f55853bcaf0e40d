import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigSource } from '../../../common/config.ts';
import { loggingSchema } from '../../../common/log/log-config.ts';
import { NatsLog } from '../../../common/log/nats-log.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { PLAIN_IDS } from '../../../common/rights/pseudonym-keys.ts';
import { NATS, REDIS, S3, S3_BUCKET, S3_CREDENTIALS, TestServer } from '../../support/servers.ts';
import { temporaryHome } from '../../support/temporary-home.ts';
import { makeTinyHome } from '../../support/tiny-home.ts';

/** Where Millrace keeps what it keeps. */
export interface Place extends AsyncDisposable {
  readonly name: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folders of all files that must not hold a forgotten user. */
  readonly folders: readonly string[];
  readonly redis: TestServer | undefined;
  /** Times, milliseconds since the Unix epoch, that know a person by their id, by a pseudonym, and by another one: the latest is now. */
  readonly periodsMs: readonly number[];
}

const PREFIX = 'forgetting';
const KEYS = 'rights/pseudonym-keys.json';

const DAY_MS = 86_400_000;

export const PLACES = {
  local: { nats: false, redis: false, s3: false },
  nats: { nats: true, redis: false, s3: false },
  redis: { nats: false, redis: true, s3: false },
  s3: { nats: false, redis: false, s3: true },
} as const;
export type PlaceName = keyof typeof PLACES;

/** Why a place cannot be had here. */
export function absenceOf(name: PlaceName): string | undefined {
  if (PLACES[name].nats && NATS.program === undefined) return NATS.absent;
  if (PLACES[name].redis && REDIS.program === undefined) return REDIS.absent;
  return undefined;
}

/** A home with a small world that everything can start on. */
export async function openPlace(name: PlaceName, seed: number): Promise<Place> {
  const folder = await temporaryHome();
  const { home } = folder;
  await makeTinyHome(home, { seed });
  const kinds = PLACES[name];
  const nats = kinds.nats ? await TestServer.start(NATS) : undefined;
  const redis = kinds.redis ? await TestServer.start(REDIS) : undefined;
  const s3 = kinds.s3 ? await TestServer.start(S3) : undefined;
  const env: Record<string, string> = {
    MILLRACE_HOME: home,
    MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '300',
    MILLRACE__RIGHTS__PSEUDONYM_KEYS: KEYS,
    MILLRACE__RIGHTS__FORGET_RETRY_SECONDS: '0.1',
    MILLRACE__RIGHTS__FORGET_DEADLINE_HOURS: '0.1',
    MILLRACE__FEATURES__SNAPSHOT_EVENTS: '150',
    MILLRACE__LOGGING__SEGMENT_BYTES_MAX: '20000',
    ...(nats === undefined
      ? {}
      : {
          MILLRACE__LOGGING__ENGINE: 'nats',
          MILLRACE__LOGGING__NATS: `{servers: ['127.0.0.1:${nats.port}']}`,
        }),
    ...(redis === undefined
      ? {}
      : {
          MILLRACE__FEATURES__STORE: 'redis',
          MILLRACE__FEATURES__REDIS: `{url: 'redis://127.0.0.1:${redis.port}', prefix: ${PREFIX}, leaseMs: 1000, timeoutMs: 2000}`,
        }),
    ...(s3 === undefined
      ? {}
      : {
          MILLRACE__LAKE__S3: `{bucket: ${S3_BUCKET}, region: eu-central-1, endpoint: 'http://127.0.0.1:${s3.port}', credentials: {accessKeyId: ${S3_CREDENTIALS.accessKeyId}, secretAccessKey: ${S3_CREDENTIALS.secretAccessKey}}}`,
        }),
  };
  if (nats !== undefined) await moveToNats(home, env);
  const periodsMs = await writeKeys(join(home, KEYS));
  const servers = [nats, redis, s3].filter((server) => server !== undefined);
  return {
    name,
    home,
    env,
    redis,
    periodsMs,
    folders: [home, ...[nats, s3].flatMap((server) => (server === undefined ? [] : [server.folder]))],
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Keys of this month and of the one before, ids as they come in earlier ones. */
async function writeKeys(path: string): Promise<number[]> {
  const now = new Date();
  const [month, monthBefore] = [0, -1].map((months) =>
    Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months),
  );
  const keys = [
    PLAIN_IDS,
    ...[monthBefore, month].map((fromMs, i) => ({
      number: i + 1,
      from: new Date(fromMs).toISOString().slice(0, 7),
      key: randomBytes(32).toString('hex'),
    })),
  ];
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ keys }));
  return [monthBefore - DAY_MS, monthBefore + DAY_MS, now.getTime()];
}

async function moveToNats(home: string, env: Record<string, string>): Promise<void> {
  const { nats } = new ConfigSource(env).section('logging', loggingSchema);
  {
    await using segments = await SegmentLog.openReadOnly(join(home, 'log'));
    await using stream = await NatsLog.open(nats);
    for (let at = 0; at < segments.endOffset; ) {
      const { payloads } = await segments.read(at);
      await stream.importAll(
        payloads.map((payload, i) => ({ id: `moved-${at + i}`, key: '', payload: Buffer.from(payload) })),
      );
      at += payloads.length;
    }
  }
  await rm(join(home, 'log'), { recursive: true });
}
