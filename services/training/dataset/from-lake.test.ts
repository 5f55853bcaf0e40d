import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import { type Lake, openLake } from '../../../common/lake/lake.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { LocalLog } from '../../../common/log/local-log.ts';
import type { RecordReader } from '../../../common/log/record-log.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Random } from '../../../common/random.ts';
import { projectRoot } from '../../../common/root.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { lakeHome, roll } from '../../../test/support/lakes.ts';
import { S3 } from '../../../test/support/servers.ts';
import { trainSchema, weightOfEvents } from '../config.ts';
import { importIntoLog } from '../import/to-log.ts';
import { positivesOf } from '../positives.ts';
import { readLake } from './from-lake.ts';
import { type LogData, readLog } from './from-log.ts';

const SEED = Number(process.env.SEED ?? 4);
const TIMEOUT_MS = 60_000;
const DAY = 86_400_000;
const START = Date.UTC(2024, 0, 30);

/** Imports a data set of the items named, each with one event. */
async function importItems(folder: string, ids: readonly string[]): Promise<void> {
  const rows = ids.length;
  await using log = await LocalLog.open(folder);
  await importIntoLog(log, {
    users: ['importer'],
    items: ids.map((id) => ({ id, title: id, categories: ['x'], attributes: {} })),
    bareItems: 0,
    userRows: [{ id: 'importer', attributes: { age: 30 } }],
    actions: ['rating'],
    interactions: {
      user: new Uint32Array(rows),
      item: Uint32Array.from(ids, (_, item) => item),
      action: new Uint8Array(rows),
      value: new Float32Array(rows).fill(3.7),
      timeMs: new Float64Array(rows).fill(START),
    },
  });
}

/** Feedback of every action, in any order of time, also on items that come later or never. */
function randomFeedback(count: number, random: Random): Uint8Array[] {
  const actions = [...ACTION_BY_NAME.values()];
  return Array.from({ length: count }, () => {
    const action = actions[random.int(actions.length)];
    const feedback = {
      userId: `user-${random.int(30)}`,
      itemId: action === Action.ACTION_PREFER ? '' : `item-${random.int(45)}`,
      action,
      ...(random.next() < 0.5 && { value: Math.fround(random.next() * 5) }),
      categories: action === Action.ACTION_PREFER ? ['drama'] : [],
    };
    const timeMs = START + random.int(5 * DAY);
    return encodeEvent(Event.fromPartial({ eventId: `e${random.int(2 ** 31)}`, timeMs, feedback }));
  });
}

async function makeLog(folder: string, random: Random): Promise<void> {
  const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `item-${from + i}`);
  const append = async (payloads: Uint8Array[]): Promise<void> => {
    await using log = await SegmentLog.open(folder);
    await log.append(payloads);
  };
  await importItems(folder, names(10, 30));
  await append(randomFeedback(400, random));
  const profile = { id: 'user-3', attributes: { age: { number: 7 } } };
  await append([
    encodeEvent(Event.fromPartial({ eventId: 'p', timeMs: START, user: profile })),
    new Uint8Array(0),
  ]);
  await importItems(folder, names(0, 40));
  await append(randomFeedback(400, random));
}

/** `LogData` in a form that compares. */
const plain = ({ catalogue, ...rest }: LogData): unknown => ({
  ...rest,
  epoch: catalogue.epoch,
  lineage: catalogue.lineage,
  items: Array.from({ length: catalogue.size }, (_, ordinal) => catalogue.item(ordinal)),
});

async function compare(log: RecordReader, lake: Lake): Promise<void> {
  const weights = { actionWeights: { purchase: 4, view: 0.3 }, decay: { halfLifeDays: 1.5 } };
  for (const until of [undefined, 700, 41, 3]) {
    const fromLog = await readLog(log, until);
    const fromLake = await readLake(lake, until);
    expect(plain(fromLake)).toEqual(plain(fromLog));
    if (until === undefined) expect(fromLog.unknownItems).toBeGreaterThan(50);
    for (const config of [{}, weights]) {
      const weightOf = weightOfEvents(trainSchema.parse(config));
      expect(positivesOf(fromLake, weightOf)).toEqual(positivesOf(fromLog, weightOf));
    }
  }
}

describe('readLake', () => {
  it.for(['local', 's3'] as const)(
    'reads what the log says, and the same matrix bit for bit, at any offset, from a lake that is %s',
    { timeout: TIMEOUT_MS },
    async (where, { skip }) => {
      skip(where === 's3' && S3.program === undefined, 'no S3 server is installed');
      console.log(`seed ${SEED}`);
      await using place = await lakeHome(where, { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '150' });
      const folder = join(place.home, 'log');
      await makeLog(folder, new Random(SEED));
      await using log = await SegmentLog.openReadOnly(folder);
      await roll(log, place.config);
      await using lake = await openLake(place.config);
      await compare(log, lake);
    },
  );

  it('refuses a lake that is empty', async () => {
    await using place = await lakeHome('local');
    await using lake = await openLake(place.config);
    await expect(readLake(lake)).rejects.toMatchObject({ reason: 'LAKE_UNAVAILABLE' });
  });

  it('knows every action on an item', () => {
    const text = readFileSync(join(projectRoot, 'services/training/dataset/feedback.sql'), 'utf8');
    const cases = [...text.matchAll(/WHEN '(\w+)' THEN (\d+)/g)].map(([, name, number]) => [
      name,
      Number(number),
    ]);
    expect(cases).toEqual([...ACTION_BY_NAME].filter(([, action]) => action !== Action.ACTION_PREFER));
  });
});

describe('weightOfEvents', () => {
  it('halves with each half-life before the latest positive event', () => {
    const weightOf = weightOfEvents(
      trainSchema.parse({ actionWeights: { like: 3 }, decay: { halfLifeDays: 2 } }),
    );
    expect(weightOf(Action.ACTION_LIKE, 0)).toBe(3);
    expect(weightOf(Action.ACTION_LIKE, 2 * DAY)).toBe(1.5);
    expect(weightOf(Action.ACTION_VIEW, 6 * DAY)).toBe(0.125);
    expect(weightOfEvents(trainSchema.parse({}))(Action.ACTION_VIEW, 6 * DAY)).toBe(1);
  });
});
