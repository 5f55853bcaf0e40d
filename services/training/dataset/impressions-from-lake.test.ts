import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import { ConfigSource } from '../../../common/config.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { Roller } from '../../../common/lake/roller.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Random } from '../../../common/random.ts';
import { projectRoot } from '../../../common/root.ts';
import { isPositive } from '../../../common/user-state.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { makeTinyWorld } from '../../../test/support/tiny-world.ts';
import { joinImpressions } from './impressions.ts';
import { lakeImpressions } from './impressions-from-lake.ts';

const SEED = Number(process.env.SEED ?? 7);
const HOUR = 3_600_000;
const WINDOW = 24 * HOUR;
const START = Date.UTC(2024, 0, 1);
const { catalogue } = makeTinyWorld({ users: 1, items: 20, seed: 1 });
const ACTIONS = [...ACTION_BY_NAME.values()].filter((action) => action !== Action.ACTION_PREFER);

/** Lists and feedback of a few users over eight days; feedback comes late, early, out of order, and to nothing; lists repeat items. */
function randomEvents(random: Random): Event[] {
  const events: { at: number; event: Event }[] = [];
  const item = (): string => `item-${random.int(22)}`;
  for (let request = 0; request < 400; request++) {
    const timeMs = START + random.int(8 * 24) * HOUR;
    const userId = `u${random.int(5)}`;
    const shown = Array.from({ length: 1 + random.int(4) }, () => ({
      itemId: item(),
      propensity: Math.fround(random.next()),
      scores: { 'retrieval.rrf': Math.fround(random.next()) },
    }));
    const decision = { requestId: `r${request}`, userId, shown, sample: [{ itemId: item(), scores: {} }] };
    events.push({ at: timeMs, event: Event.fromPartial({ timeMs, decision }) });
    for (let left = random.int(5); left > 0; left--) {
      const happened = timeMs + random.int(30 * HOUR) - HOUR;
      const action = random.next() < 0.2 ? Action.ACTION_IMPRESSION : ACTIONS[random.int(ACTIONS.length)];
      const feedback = {
        userId,
        itemId: random.next() < 0.9 ? shown[random.int(shown.length)].itemId : item(),
        action,
        requestId: random.next() < 0.7 ? `r${request}` : '',
        ...(random.next() < 0.8 && { value: random.int(40) / 8 }),
      };
      const at = happened + random.int(20 * HOUR) - 4 * HOUR;
      events.push({ at, event: Event.fromPartial({ timeMs: happened, feedback }) });
    }
  }
  return events.sort((a, b) => a.at - b.at).map(({ event }, i) => ({ ...event, eventId: `e${i}` }));
}

test('the join in SQL gives what the join in memory gives, late, early and out-of-order events included', async () => {
  console.log(`seed ${SEED}`);
  for (const seed of [SEED, SEED + 1, SEED + 2]) {
    await using folder = await temporaryHome();
    const events = randomEvents(new Random(seed));
    const config = lakeConfig(new ConfigSource({ MILLRACE_HOME: folder.home }));
    {
      await using log = await SegmentLog.open(join(folder.home, 'log'));
      await log.append(events.map(encodeEvent));
      await using roller = await Roller.open(config);
      await roller.roll(log);
    }
    await using lake = await openLake(config);
    const logged = events.map((event, offset) => ({ offset, event }));
    for (const until of [events.length, 500]) {
      const heard: string[][] = [[], []];
      const inMemory = await joinImpressions(logged, catalogue, WINDOW, until, ({ requestId }) =>
        heard[0].push(requestId),
      );
      expect(inMemory.columns.taken.reduce((sum, taken) => sum + taken, 0)).toBeGreaterThan(20);
      expect(inMemory.unseen).toBeGreaterThan(20);
      expect(inMemory.unripe).toBeGreaterThan(5);
      const inSql = await lakeImpressions(lake, catalogue, WINDOW, until, ({ requestId }) =>
        heard[1].push(requestId),
      );
      expect(inSql).toEqual(inMemory);
      expect(heard[0]).toHaveLength(inMemory.decisions.length);
      expect(heard[1]).toEqual(heard[0]);
    }
  }
});

test('the SQL counts as positive what the rest of Millrace does', () => {
  const text = readFileSync(join(projectRoot, 'services/training/dataset/impressions.sql'), 'utf8');
  const list = /action IN \(([^)]+)\) THEN 1/.exec(text)?.[1] ?? '';
  const positive = [...ACTION_BY_NAME]
    .filter(([, action]) => isPositive(action))
    .map(([name]) => `'${name}'`);
  expect(list.split(', ').sort()).toEqual(positive.sort());
});
