import { FRIENDS_ATTRIBUTE } from '../../../common/users/friends.ts';
import { IdTable } from './id-table.ts';
import type { InteractionColumns } from './interaction-buffer.ts';
import { InteractionBuffer } from './interaction-buffer.ts';
import type { ReadOptions } from './read-rows.ts';
import { readRows } from './read-rows.ts';
import type { ImportReport } from './report.ts';
import { RowFault } from './report.ts';
import type { ItemRow, RowSink, UserRow } from './rows.ts';

const ACTIONS_MAX = 256;

export interface Dataset {
  /** Those of the user file in its order, then others in order of their first interaction. */
  users: string[];
  /** Those of the item file in its order, then others, bare, in order of their first interaction. */
  items: ItemRow[];
  /** How many of `items` no item file described: they have an id alone. */
  bareItems: number;
  /** In order of appearance, at most 256. */
  actions: string[];
  interactions: InteractionColumns;
  /** Row i describes `users[i]`. */
  userRows: UserRow[];
  report: ImportReport;
}

export interface DatasetOptions extends ReadOptions {
  /** Translates the names of actions; a row whose action it does not know (undefined) is bad. Unset: names are kept. */
  readonly actionOf?: (name: string) => string | undefined;
  /** Interactions after it are bad rows. Milliseconds since the Unix epoch; unset: none is too late. */
  readonly latestMs?: number;
  /** Refuses an item by throwing `RowFault`. */
  readonly checkItem?: (row: ItemRow) => void;
}

/**
 * Reads a whole data set (`readRows` says from what) into columns. An interaction with an item or user that has no row
 * of its own is accepted, and makes a bare one; a second row for the same item or user is bad.
 */
export async function readDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const builder = new DatasetBuilder(options);
  const report = await readRows(path, options, builder);
  return builder.finish(report);
}

class DatasetBuilder implements RowSink {
  readonly #users = new IdTable();
  readonly #items = new IdTable();
  readonly #actions = new IdTable();
  readonly #itemRows: ItemRow[] = [];
  readonly #userRows: UserRow[] = [];
  readonly #interactions = new InteractionBuffer();
  readonly #options: DatasetOptions;

  constructor(options: DatasetOptions) {
    this.#options = options;
  }

  item(row: ItemRow): void {
    if (this.#items.find(row.id) !== undefined) throw new RowFault(`item: '${row.id}' has a row already`);
    this.#options.checkItem?.(row);
    this.#items.intern(row.id);
    this.#itemRows.push(row);
  }

  user(row: UserRow): void {
    if (this.#users.find(row.id) !== undefined) throw new RowFault(`user: '${row.id}' has a row already`);
    this.#users.intern(row.id);
    this.#userRows.push(row);
  }

  friendship(user: string, friend: string): void {
    let place = this.#users.find(user);
    if (place === undefined) {
      place = this.#users.intern(user);
      this.#userRows.push({ id: user, attributes: {} });
    }
    const { attributes } = this.#userRows[place];
    const friends = attributes[FRIENDS_ATTRIBUTE] ?? [];
    if (!Array.isArray(friends)) throw new RowFault(`source: '${user}' has friends that are no list`);
    friends.push(friend);
    attributes[FRIENDS_ATTRIBUTE] = friends;
  }

  interaction(user: string, item: string, name: string, value: number, timeMs: number): void {
    const { actionOf, latestMs = Number.POSITIVE_INFINITY } = this.#options;
    if (timeMs > latestMs) throw new RowFault(`time: in the future: ${new Date(timeMs).toISOString()}`);
    const action = actionOf === undefined ? name : actionOf(name);
    if (action === undefined) throw new RowFault(`action: '${name}' is not known`);
    if (this.#actions.ids.length === ACTIONS_MAX && this.#actions.find(action) === undefined) {
      throw new RowFault(`action: more than ${ACTIONS_MAX} different ones`);
    }
    this.#interactions.push(
      this.#users.intern(user),
      this.#items.intern(item),
      this.#actions.intern(action),
      value,
      timeMs,
    );
  }

  finish(report: ImportReport): Dataset {
    const bareIds = this.#items.ids.slice(this.#itemRows.length);
    const bare = bareIds.map((id): ItemRow => ({ id, title: '', categories: [], attributes: {} }));
    return {
      users: this.#users.ids,
      items: [...this.#itemRows, ...bare],
      bareItems: bare.length,
      actions: this.#actions.ids,
      interactions: this.#interactions.finish(),
      userRows: this.#userRows,
      report,
    };
  }
}
