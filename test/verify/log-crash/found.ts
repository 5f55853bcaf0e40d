import { ConfigSource } from '../../../common/config.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { Roller } from '../../../common/lake/roller.ts';
import { type LoggedEvent, readEventsOf } from '../../../common/log/events.ts';
import { openLogReader } from '../../../common/log/open-log.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts } from '../../../common/rpc/services.ts';
import { AGGREGATE_INDEX } from '../../../common/users/aggregates.ts';
import { UserState } from '../../../gen/millrace/features/v1/features.ts';
import { USERS } from './clients.ts';

const FOLD_MS = 60_000;

/** What one place holds of the acknowledged events. */
export interface Found {
  readonly place: string;
  readonly events: number;
  readonly duplicates: number;
  readonly missing: number;
}

/** Events by id, and how often each is there. */
interface Counted {
  readonly ids: Map<string, number>;
  readonly users: Map<string, number>;
}

/** Looks into the log, the lake, which takes in the rest first, and the features. */
export async function find(
  env: Record<string, string>,
  featuresAddress: string,
  acknowledged: ReadonlySet<string>,
): Promise<Found[]> {
  const source = new ConfigSource(env);
  await using log = await openLogReader(source);
  {
    await using roller = await Roller.open(lakeConfig(source));
    await roller.roll(log);
  }
  await using lake = await openLake(lakeConfig(source));
  const inLog = await count(readEventsOf(log));
  const inLake = await count(lake.readEvents());
  return [
    foundOf('log', inLog, acknowledged),
    foundOf('lake', inLake, acknowledged),
    await inFeatures(featuresAddress, log.endOffset, inLog),
  ];
}

async function count(events: AsyncIterable<LoggedEvent>): Promise<Counted> {
  const counted: Counted = { ids: new Map(), users: new Map() };
  for await (const { event } of events) {
    if (event.feedback === undefined) continue;
    const { userId } = event.feedback;
    counted.ids.set(event.eventId, (counted.ids.get(event.eventId) ?? 0) + 1);
    counted.users.set(userId, (counted.users.get(userId) ?? 0) + 1);
  }
  return counted;
}

function foundOf(place: string, { ids }: Counted, acknowledged: ReadonlySet<string>): Found {
  let duplicates = 0;
  for (const times of ids.values()) duplicates += times - 1;
  let missing = 0;
  for (const id of acknowledged) if (!ids.has(id)) missing++;
  return { place, events: ids.size + duplicates, duplicates, missing };
}

/** The features know events by their effect: each user's count must be the log's. */
async function inFeatures(address: string, endOffset: number, { users }: Counted): Promise<Found> {
  using channel = new Channel(address);
  const features = channel.client(contracts.features);
  let [events, duplicates, missing] = [0, 0, 0];
  for (let i = 0; i < USERS; i++) {
    const userId = `user-${i}`;
    const request = { userId, earlierIds: [], parts: [], asOf: endOffset };
    const { state } = await features.getUserState(request, rootCall({ timeoutMs: FOLD_MS }));
    const { aggregate } = UserState.decode(state);
    const views = Buffer.from(aggregate).readDoubleLE(AGGREGATE_INDEX.view * Float64Array.BYTES_PER_ELEMENT);
    const logged = users.get(userId) ?? 0;
    events += views;
    duplicates += Math.max(0, views - logged);
    missing += Math.max(0, logged - views);
  }
  return { place: 'features', events, duplicates, missing };
}
