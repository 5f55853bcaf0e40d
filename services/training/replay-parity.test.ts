import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ACTION_BY_NAME } from '../../common/actions.ts';
import { batchName, changeEvents } from '../../common/catalogue/writer.ts';
import { ConfigSource } from '../../common/config.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import { lakeConfig } from '../../common/lake/config.ts';
import { openLake } from '../../common/lake/lake.ts';
import { decodeEvent, encodeEvent } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { Random } from '../../common/random.ts';
import { encodeUser, type User } from '../../common/user-state.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { roll } from '../../test/support/lakes.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { FeatureFold } from '../features/stage.ts';
import { readLake } from './dataset/from-lake.ts';
import { type LogData, readLog } from './dataset/from-log.ts';
import { PairSet, type Target } from './positives.ts';
import { foldWithout, replay, replayBefore } from './replay.ts';

const SEED = Number(process.env.SEED ?? 11);
const USERS = 8;
const ITEMS = 40;
const EVENTS = 1_500;
const LIMITS: UserLimits = {
  historyMax: 30,
  seenExactMax: 10,
  bloomEngine: 'typed',
  falsePositiveRate: 0.01,
  sessionGapMs: 60_000,
  seenSeconds: filteringSchema.parse({}).seen,
  impressionsMax: 0,
};
const ACTIONS = [...ACTION_BY_NAME.values()];
const userIds = Array.from({ length: USERS }, (_, user) => `u${user}`);

/** Items that come by and by, some after feedback on them; attributes with changing friends; statements; feedback, late at times. */
function eventsOf(random: Random): Event[] {
  const added = random.shuffle(Uint32Array.from({ length: ITEMS }, (_, item) => item));
  let epoch = 0;
  return Array.from({ length: EVENTS }, (_, i) => {
    const head = { eventId: `e${i}`, timeMs: 1_000_000 + i * 20_000 - random.int(3) * 300_000 };
    const id = userIds[random.int(USERS)];
    const kind = random.next();
    if (epoch < ITEMS && kind < 0.1) {
      const item = Item.fromPartial({ id: `i${added[epoch]}` });
      const change = { epoch: epoch + 1, ordinal: epoch, upsert: item };
      return changeEvents([change], batchName([change], 'test', `n${epoch++}`), head.timeMs)[0];
    }
    if (kind < 0.2) {
      const values = userIds.filter(() => random.next() < 0.2);
      const user = { id, attributes: { friends: { texts: { values } }, age: { number: i } } };
      return Event.fromPartial({ ...head, user });
    }
    const action = kind < 0.3 ? Action.ACTION_PREFER : ACTIONS[random.int(ACTIONS.length)];
    const about =
      action === Action.ACTION_PREFER
        ? { categories: [`c${random.int(5)}`, `c${random.int(5)}`] }
        : { itemId: `i${random.int(ITEMS)}` };
    const value = random.next() < 0.5 ? { value: random.int(6) - 1 + 0.1 } : {};
    return Event.fromPartial({ ...head, feedback: { userId: id, action, ...about, ...value } });
  });
}

/** What the features service has folded of the events before `offset`. */
function served(events: readonly Event[], offset: number): FeatureFold {
  const fold = FeatureFold.empty(LIMITS);
  const recorded = events.slice(0, offset).map((event, at) => ({ offset: at, event }));
  fold.apply(recorded, offset);
  return fold;
}

function expectSame(found: readonly User[], wanted: readonly User[]): void {
  expect(found).toEqual(wanted);
  const bytes = (users: readonly User[]): string[] => users.map((user) => encodeUser(user).toString('hex'));
  expect(bytes(found)).toEqual(bytes(wanted));
}

/** Every event of the feedback as a target. */
function targetsOf({ feedback: { user, item, timeMs } }: LogData): Target[] {
  return Array.from(user, (_, row) => ({ user: user[row], item: item[row], timeMs: timeMs[row] }));
}

function check(events: readonly Event[], data: LogData, random: Random): void {
  const none = new PairSet(data.catalogue.size);
  const statesOf = ({ users }: Pick<FeatureFold, 'users'>, offset: number): User[] =>
    userIds.map((id) => users.state(id, offset));
  const offsets = Float64Array.from({ length: 60 }, () => random.int(EVENTS + 1));
  for (const { index, fold, counters } of replayBefore(data, offsets, none, LIMITS)) {
    const offset = offsets[index];
    const wanted = served(events, offset);
    expectSame(statesOf({ users: fold }, offset), statesOf(wanted, offset));
    expect(counters.counters(offset).rows()).toEqual(wanted.counters.counters(offset).rows());
  }
  let moments = 0;
  for (const { state } of replay(data, targetsOf(data), none, LIMITS)) {
    if (moments++ % 10 > 0) continue;
    expectSame([state], [served(events, state.offset).users.state(state.id, state.offset)]);
  }
  expect(moments).toBeGreaterThan(100);
  const end = foldWithout(data, none, LIMITS);
  expectSame(statesOf({ users: end }, EVENTS), statesOf(served(events, EVENTS), EVENTS));
}

test('replayed states are those that serving had at the offset, bit for bit, from the log and from the lake', async () => {
  console.log(`seed ${SEED}`);
  const random = new Random(SEED);
  await using folder = await temporaryHome();
  const payloads = eventsOf(random).map(encodeEvent);
  const events = payloads.map(decodeEvent);
  const log = await SegmentLog.open(join(folder.home, 'log'));
  await log.append(payloads);
  const config = lakeConfig(new ConfigSource({ MILLRACE_HOME: folder.home }));
  await roll(log, config);
  check(events, await readLog(log), random);
  await log.close();
  await using lake = await openLake(config);
  check(events, await readLake(lake), random);
});
