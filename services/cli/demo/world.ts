import { join } from 'node:path';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import { systemClock } from '../../../common/clock.ts';
import { LocalLog } from '../../../common/log/local-log.ts';
import { Audience } from '../../simulator/audience.ts';
import { bootstrapLog } from '../../simulator/bootstrap-log.ts';
import type { EventColumns } from '../../simulator/events.ts';
import { readFilms } from '../../simulator/film-catalogue.ts';
import { demoAudience } from '../../simulator/parameters.ts';
import { importIntoLog } from '../../training/import/to-log.ts';

const DAY_MS = 86_400_000;
/** People of decided taste: with the simulator's own scale a thousand of them would show little but popularity. */
const TASTE_SCALE = 12;

/** How many people the world has unless told otherwise: enough to learn from, few enough for a minute on two cores. */
export const DEMO_USERS = 1_000;

/** The demo's films and people, and what the people did so far. */
export interface DemoWorld {
  readonly audience: Audience;
  readonly events: EventColumns;
}

/** Draws the audience and what it did in the days up to today. */
export function makeDemoWorld(userCount: number): DemoWorld {
  const today = Math.floor(systemClock.nowMs() / DAY_MS) * DAY_MS;
  const audience = new Audience(readFilms(), {
    userCount,
    startMs: today - demoAudience.spanDays * DAY_MS,
    organicTasteScale: TASTE_SCALE,
  });
  return { audience, events: bootstrapLog(audience) };
}

/** Writes the world into the log of a home, as `millrace import` does. */
export async function writeDemoWorld(
  home: string,
  { audience, events }: DemoWorld,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const indexes = new Uint8Array(256);
  for (const [index, action] of [...ACTION_BY_NAME.values()].entries()) indexes[action] = index;
  await using log = await LocalLog.open(join(home, 'log'));
  await importIntoLog(
    log,
    {
      users: audience.users.map(({ id }) => id),
      userRows: audience.users.map(({ id, profile }) => ({ id, attributes: { ...profile } })),
      items: audience.films.map((film) => ({
        ...film,
        categories: [...film.categories],
        attributes: { ...film.attributes },
      })),
      bareItems: 0,
      actions: [...ACTION_BY_NAME.keys()],
      interactions: {
        user: events.users,
        item: events.items,
        action: events.actions.map((action) => indexes[action]),
        value: events.values,
        timeMs: events.timesMs,
      },
      positions: events.positions,
    },
    { onProgress },
  );
}
