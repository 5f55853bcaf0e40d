import pc from 'picocolors';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import { systemClock } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { Pseudonyms } from '../../../common/rights/pseudonyms.ts';
import type { User } from '../../../common/user-state.ts';
import { AGGREGATE_INDEX, userAggregates } from '../../../common/users/aggregates.ts';
import { friendsOf } from '../../../common/users/friends.ts';
import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { Action, AttributeValue } from '../../../gen/millrace/type/v1/type.ts';
import { FrontDoor } from '../front-door.ts';
import { type TableColumn, tableLines } from '../table.ts';

const EVENTS_SHOWN = 20;
const NAME_OF_ACTION: ReadonlyMap<Action, string> = new Map(
  [...ACTION_BY_NAME].map(([name, action]) => [action, name]),
);

interface Options {
  readonly json?: boolean;
  readonly address?: string;
}

interface Portrait {
  readonly userId: string;
  readonly offset: number;
  readonly profile: Readonly<Record<string, string | number | readonly string[]>>;
  /** Null where missing. */
  readonly aggregates: Readonly<Record<string, number | null>>;
  readonly positives: number;
  readonly seen: number;
  readonly hidden: number;
  readonly preferences: Readonly<Record<string, number>>;
  readonly friends: readonly string[];
  /** What friends liked, the latest first. */
  readonly friendItems: readonly Named[];
  /** The latest first. */
  readonly events: readonly (Named & { time: string; action: string; value: number | null })[];
}

/** An item; null: it is deleted. */
interface Named {
  readonly itemId: string | null;
  readonly title: string | null;
}

/** Prints what a running Millrace knows of a user. */
export async function showUser(userId: string, { json, address }: Options): Promise<void> {
  const source = new ConfigSource();
  using door = new FrontDoor(source, address);
  const { user, offset } = await door.user(Pseudonyms.open(source).upTo(userId, systemClock.nowMs()));
  const portrait = await portraitOf(user, offset, door);
  const lines = json ? [JSON.stringify(portrait, null, 2)] : portraitLines(portrait);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function portraitOf(user: User, offset: number, door: FrontDoor): Promise<Portrait> {
  const events = user.items.map((_, i) => user.items.length - 1 - i);
  const [items, friendItems] = await Promise.all([
    door.itemsAt(Array.from(events, (event) => user.items[event])),
    door.itemsAt(user.friendItems.toReversed()),
  ]);
  return {
    userId: user.id,
    offset,
    profile: Object.fromEntries(
      Object.entries(user.profile).map(([name, value]) => [name, plainValue(value)]),
    ),
    aggregates: Object.fromEntries(
      userAggregates.map((name) => [name, numberOrNull(user.aggregates[AGGREGATE_INDEX[name]])]),
    ),
    positives: user.positives,
    seen: user.seen.length + (user.seenFilter?.added ?? 0),
    hidden: user.hidden.length,
    preferences: Object.fromEntries(user.preferences),
    friends: [...friendsOf(user.id, user.profile)],
    friendItems: friendItems.map(named),
    events: Array.from(events, (event, i) => ({
      time: new Date(user.timesMs[event]).toISOString(),
      action: NAME_OF_ACTION.get(user.actions[event] as Action) ?? String(user.actions[event]),
      value: numberOrNull(user.values[event]),
      ...named(items[i]),
    })),
  };
}

function portraitLines(portrait: Portrait): string[] {
  const { userId, offset, profile, aggregates, events, preferences, friends, friendItems } = portrait;
  const known = Object.entries(aggregates).filter(([, value]) => value !== null && value !== 0);
  const lines = [
    `${pc.bold(userId)} at offset ${offset}: ${portrait.positives} items liked, ${portrait.seen} seen, ${portrait.hidden} hidden`,
    ...section('profile', ['attribute', 'value'], Object.entries(profile).map(pairOfText)),
    ...section(
      'aggregates',
      ['aggregate', 'value'],
      known.map(([name, value]) => [name, aggregateText(name, value as number)]),
    ),
    ...section('stated preferences', ['category', 'strength'], Object.entries(preferences).map(pairOfText)),
    ...section(
      `latest ${Math.min(EVENTS_SHOWN, events.length)} of ${events.length} events`,
      ['time', 'action', 'value', 'title', 'id'],
      events
        .slice(0, EVENTS_SHOWN)
        .map(({ time, action, value, title, itemId }) => [
          time,
          action,
          value === null ? '' : String(value),
          title ?? '',
          itemId ?? '(deleted)',
        ]),
    ),
  ];
  if (friends.length > 0) lines.push('', `${pc.bold('friends')} ${friends.join(', ')}`);
  const liked = friendItems.slice(0, EVENTS_SHOWN).map(({ title, itemId }) => [title ?? '', itemId ?? '']);
  return [...lines, ...section('what friends liked', ['title', 'id'], liked)];
}

/** A titled table; nothing where there are no rows. */
function section(title: string, names: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const columns = names.map((name): TableColumn => ({ title: name, widthMax: 60 }));
  return ['', pc.bold(title), ...tableLines(columns, rows, pc.dim)];
}

function pairOfText([name, value]: [string, unknown]): string[] {
  return [name, Array.isArray(value) ? value.join(', ') : String(value)];
}

/** Times as dates; other numbers with three decimals at most. */
function aggregateText(name: string, value: number): string {
  return name.endsWith('_ms') ? new Date(value).toISOString() : String(Number(value.toFixed(3)));
}

function plainValue({ text, number, texts }: AttributeValue): string | number | readonly string[] {
  return texts?.values ?? number ?? text ?? '';
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function named(item: Item | undefined): Named {
  return { itemId: item?.id ?? null, title: item?.title ?? null };
}
