import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { asMillraceError } from '../../../common/errors.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { decodeEvent } from '../../../common/log/events.ts';
import { openLog, openLogReader } from '../../../common/log/open-log.ts';
import { Random } from '../../../common/random.ts';
import {
  type KeyPlace,
  PLAIN_IDS,
  pseudonymKeyPlace,
  readPseudonymKeys,
} from '../../../common/rights/pseudonym-keys.ts';
import { Pseudonyms } from '../../../common/rights/pseudonyms.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts } from '../../../common/rpc/services.ts';
import { decodeUser } from '../../../common/user-state.ts';
import { namesFriend } from '../../../common/users/friends.ts';
import type { ForgetStatus } from '../../../gen/millrace/logging/v1/logging.ts';
import { OneProcess } from '../../support/one-process.ts';
import type { Proof } from '../proof.ts';
import { act, ask, type Doors, live } from './people.ts';
import { absenceOf, openPlace, PLACES, type Place, type PlaceName } from './place.ts';
import { filesHolding } from './search.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);
const VICTIM = 'victim-Qx7/ü-3f9a1c';
const WAIT_MS = 30_000;
const WAYS = ['unasked', 'lost-keys', 'neighbour', 'copy-left'];

type Print = (line: string) => void;

/**
 * Forgets a user, who was called by their id, by a pseudonym and then by another one, in every kind of place while the process is killed again and again, then searches every byte of every file, and
 * holds the log, the lake and all others' states against what they were before. `--break`: `unasked` never asks, `lost-keys` asks when all keys but the latest are gone, `neighbour` erases a
 * record of somebody else too, `copy-left` leaves a copy of an old snapshot behind. PLACES=redis,s3: in these alone.
 */
export const verifyForget: Proof = async ({ short, broken, print }) => {
  if (broken !== undefined && !WAYS.includes(broken)) throw new Error(`--break is one of ${WAYS.join(', ')}`);
  const all = process.env.PLACES?.split(',') ?? Object.keys(PLACES);
  const names = (short || broken !== undefined ? ['local'] : all) as PlaceName[];
  print(`seed ${SEED}`);
  let holds = true;
  for (const name of names) {
    const absence = absenceOf(name);
    if (absence !== undefined) print(`${name}: skipped: ${absence}`);
    else holds = (await forgetIn(name, { kills: short ? 1 : 12, broken, print })) && holds;
  }
  return holds;
};

async function forgetIn(
  name: PlaceName,
  { kills, broken, print }: { kills: number; broken: string | undefined; print: Print },
): Promise<boolean> {
  await using place = await openPlace(name, SEED);
  const random = new Random(SEED);
  const others = Array.from({ length: 20 }, (_, i) => `user-${i}`);
  const faults: string[] = [];
  const must = (what: string, isSo: boolean): void => void (isSo || faults.push(what));

  const running = await Running.start(place);
  const names = namesIn(place);
  const requests = await live(running.doors, {
    victim: VICTIM,
    others,
    rounds: 40,
    random,
    timesMs: place.periodsMs,
  });
  await untilEverywhere(place);
  const heldBefore = await filesHolding(place.folders, names(VICTIM));
  must('before, log, lake and snapshot hold the user', heldBefore.length > 5);
  for (const name of names(VICTIM))
    must(`before, some file holds ${name}`, (await filesHolding(place.folders, [name])).length > 0);
  const before = await recordsOf(place, names(VICTIM));
  const statesBefore = await statesOf(running.doors, others.map(names));
  const [snapshot] = await readdir(join(place.home, 'features')).catch(() => []);
  if (broken === 'copy-left')
    await copyFile(join(place.home, 'features', snapshot), join(place.home, 'copy.bin'));

  const askedMs = Date.now();
  const call = rootCall({ timeoutMs: 5_000 });
  if (broken === 'lost-keys') await loseKeys(running, place);
  if (broken !== 'unasked') await running.doors.orchestrator.forgetUser({ userId: VICTIM }, call);
  for (let i = 0; i < kills; i++) {
    await pause(random.int(400));
    await running.restart();
  }
  const status = await untilDone(running.doors);
  const doneMs = status?.stores.at(-1)?.doneMs ?? 0;
  must('the request is done before its deadline', doneMs > 0 && doneMs < (status?.deadlineMs ?? 0));
  if (broken === 'neighbour') await eraseOther(running, place);

  const held = await filesHolding(place.folders, names(VICTIM));
  must(`no file holds the user: ${held.join(', ')}`, held.length === 0);
  if (place.redis !== undefined)
    must('Redis holds nothing of the user', !(await redisHolds(place.redis.port, names(VICTIM))));
  const after = await recordsOf(place, names(VICTIM));
  must('every other event of the log is at its offset as it was', sameBut(before, after, faults));
  must('lake and log say the same', await lakeIsAsLog(place, after));
  const unrelated = others.filter((id) => ![others[2], others[4]].includes(id));
  const statesAfter = await statesOf(running.doors, others.map(names));
  for (const id of unrelated)
    must(`the state of ${id} is as it was`, statesBefore.get(names(id)[0]) === statesAfter.get(names(id)[0]));
  await checkDecisions(running.doors, requests, must);
  await checkComingBack(running, place, { askedMs, names: names(VICTIM) }, must);
  await running[Symbol.asyncDispose]();

  const erased = [...before.values()].filter(({ isOfVictim }) => isOfVictim).length;
  print(
    `${name}: ${heldBefore.length} files held the user, ${held.length} do; ${erased} of ${before.size} records erased, all others in place; killed ${kills} times; done ${((doneMs - askedMs) / 1_000).toFixed(1)} s after the request`,
  );
  for (const { store, detail } of status?.stores ?? []) print(`  ${store.padEnd(10)}${detail}`);
  for (const fault of faults) print(`  FAULT ${fault}`);
  return faults.length === 0;
}

/** Millrace in one process that is killed and started again on the same place. */
class Running implements AsyncDisposable {
  readonly #place: Place;
  #one: OneProcess;
  #channel: Channel;
  doors: Doors;

  private constructor(place: Place, one: OneProcess) {
    this.#place = place;
    this.#one = one;
    [this.#channel, this.doors] = doorsOf(one);
  }

  static async start(place: Place): Promise<Running> {
    return new Running(place, await OneProcess.start(place.home, place.env));
  }

  /** Kills it without warning first. */
  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#one = await OneProcess.start(this.#place.home, this.#place.env);
    [this.#channel, this.doors] = doorsOf(this.#one);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.#one[Symbol.asyncDispose]();
  }
}

function doorsOf({ address }: OneProcess): [Channel, Doors] {
  const channel = new Channel(address);
  return [
    channel,
    {
      orchestrator: channel.client(contracts.orchestrator),
      features: channel.client(contracts.features),
    },
  ];
}

/** What people are called in a place, latest first. */
function namesIn({ env }: Place): (userId: string) => string[] {
  const pseudonyms = Pseudonyms.open(new ConfigSource(env));
  return (userId) => pseudonyms.upTo(userId, Date.now());
}

/** Waits until the lake has the whole log. */
async function untilEverywhere({ env }: Place): Promise<void> {
  const source = new ConfigSource(env);
  const endMs = Date.now() + WAIT_MS;
  for (;;) {
    await using lake = await openLake(lakeConfig(source));
    await using log = await openLogReader(source);
    if (lake.endOffset === log.endOffset) return;
    if (Date.now() > endMs) throw new Error(`the lake is at ${lake.endOffset}, the log at ${log.endOffset}`);
    await pause(100);
  }
}

async function untilDone({ orchestrator }: Doors): Promise<ForgetStatus | undefined> {
  const endMs = Date.now() + WAIT_MS;
  for (;;) {
    const call = rootCall({ timeoutMs: 5_000 });
    const [status] = (await orchestrator.getForgetStatus({ userId: VICTIM }, call)).statuses;
    if (status === undefined || status.done || Date.now() > endMs) return status;
    await pause(50);
  }
}

interface Kept {
  readonly bytes: string;
  readonly isOfVictim: boolean;
}

/** The log's records by offset; those that are empty are left out. */
async function recordsOf({ env }: Place, victims: readonly string[]): Promise<Map<number, Kept>> {
  const records = new Map<number, Kept>();
  await using log = await openLogReader(new ConfigSource(env));
  for (let at = log.firstOffset; at < log.endOffset; ) {
    const { payloads } = await log.read(at);
    for (const [i, payload] of payloads.entries()) {
      if (payload.length === 0) continue;
      const { feedback, decision, user } = decodeEvent(payload);
      const isOfVictim =
        victims.includes(feedback?.userId ?? decision?.userId ?? user?.id ?? '') ||
        (user !== undefined && victims.some((name) => namesFriend(user.attributes, name)));
      records.set(at + i, { bytes: Buffer.from(payload).toString('latin1'), isOfVictim });
    }
    at += payloads.length;
  }
  return records;
}

function sameBut(
  before: ReadonlyMap<number, Kept>,
  after: ReadonlyMap<number, Kept>,
  faults: string[],
): boolean {
  let same = true;
  for (const [offset, { bytes, isOfVictim }] of before) {
    const now = after.get(offset)?.bytes;
    if (now === (isOfVictim ? undefined : bytes)) continue;
    same = false;
    faults.push(`offset ${offset} is ${now === undefined ? 'gone' : 'still there or another record'}`);
  }
  return same;
}

async function lakeIsAsLog(place: Place, records: ReadonlyMap<number, Kept>): Promise<boolean> {
  await untilEverywhere(place);
  await using lake = await openLake(lakeConfig(new ConfigSource(place.env)));
  const offsets = new Set<number>();
  for await (const { offset } of lake.readEvents()) {
    if (offsets.has(offset)) return false;
    offsets.add(offset);
  }
  return [...records.keys()].every((offset) => offsets.has(offset));
}

/** What is known of users, encoded, without the offset. */
async function statesOf(
  { features }: Doors,
  users: readonly (readonly string[])[],
): Promise<Map<string, string>> {
  const states = new Map<string, string>();
  for (const [userId, ...earlierIds] of users) {
    const { state } = await features.getUserState(
      { userId, earlierIds, parts: [], asOf: 0 },
      rootCall({ timeoutMs: 5_000 }),
    );
    const { items, actions, hidden, seen, profile } = decodeUser(state);
    states.set(userId, JSON.stringify([[...items], [...actions], [...hidden], [...seen], profile]));
  }
  return states;
}

async function redisHolds(port: number, texts: readonly string[]): Promise<boolean> {
  const redis = new Redis(port);
  try {
    for (const key of await redis.keys('*')) {
      if (texts.some((text) => key.includes(text))) return true;
      if ((await redis.type(key)) !== 'hash') continue;
      const fields = await redis.hgetallBuffer(key);
      if (Object.values(fields).some((value) => texts.some((text) => value.includes(text)))) return true;
    }
    return false;
  } finally {
    redis.disconnect();
  }
}

async function checkDecisions(
  { orchestrator }: Doors,
  requests: { victims: string[]; others: string[] },
  must: (what: string, isSo: boolean) => void,
): Promise<void> {
  const reasonOf = (requestId: string): Promise<string> =>
    orchestrator.getDecision({ requestId }, rootCall({ timeoutMs: 5_000 })).then(
      () => 'found',
      (error) => asMillraceError(error).reason,
    );
  must('no decision about the user is found', (await reasonOf(requests.victims[0])) === 'DECISION_UNKNOWN');
  must("others' decisions are", (await reasonOf(requests.others[0])) === 'found');
}

/** What the user does from now on is a new person's; what bears an earlier time is dropped. */
async function checkComingBack(
  running: Running,
  { env, periodsMs }: Place,
  { askedMs, names: [userId, ...earlierIds] }: { askedMs: number; names: readonly string[] },
  must: (what: string, isSo: boolean) => void,
): Promise<void> {
  const { doors } = running;
  await act(doors, VICTIM, [{ itemId: 'item-1' }, { itemId: 'item-2' }], askedMs - 1_000, 'late');
  await act(doors, VICTIM, [{ itemId: 'item-4' }], periodsMs[1], 'later');
  await act(doors, VICTIM, [{ itemId: 'item-3' }], 0, 'new');
  await ask(doors, VICTIM);
  await using log = await openLogReader(new ConfigSource(env));
  const { state } = await doors.features.getUserState(
    { userId, earlierIds, parts: [], asOf: 0 },
    rootCall({ timeoutMs: 5_000 }),
  );
  await pause(300);
  const again = await doors.features.getUserState(
    { userId, earlierIds, parts: [], asOf: log.endOffset },
    rootCall({ timeoutMs: 5_000 }),
  );
  must('late events are dropped and new ones are a new person’s', decodeUser(again.state).items.length === 1);
  must('nothing old is known', decodeUser(state).items.length <= 1);
}

async function loseKeys(running: Running, { env }: Place): Promise<void> {
  const place = pseudonymKeyPlace(new ConfigSource(env)) as KeyPlace;
  const latest = readPseudonymKeys(place).at(-1);
  await writeFile(place.path, JSON.stringify({ keys: [{ ...latest, from: PLAIN_IDS.from }] }));
  await running.restart();
}

async function eraseOther(running: Running, { env }: Place): Promise<void> {
  await running[Symbol.asyncDispose]();
  {
    await using log = await openLog(new ConfigSource(env));
    await log.erase([log.firstOffset + 250]);
  }
  await running.restart();
}
