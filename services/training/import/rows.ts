/** A declared attribute: text, a finite number, or a list of tokens. An attribute without a value is absent. */
export type AttributeValue = string | number | string[];

/** One row of a catalogue. `title` is empty where the source has none. Times are milliseconds since the Unix epoch. */
export interface ItemRow {
  id: string;
  title: string;
  text?: string;
  categories: string[];
  attributes: Record<string, AttributeValue>;
  availableFromMs?: number;
  availableUntilMs?: number;
  /** Absent: everywhere. */
  regions?: string[];
}

export interface UserRow {
  id: string;
  attributes: Record<string, AttributeValue>;
}

/**
 * Receives valid rows in file order: every item, every user, every friendship, then every interaction. A sink refuses a row by
 * throwing `RowFault`; the row is then counted as bad like any other.
 */
export interface RowSink {
  item(row: ItemRow): void;
  user(row: UserRow): void;
  /** `user` names `friend`; the other way round is a row of its own. */
  friendship(user: string, friend: string): void;
  /** `value` is NaN where the row has none; `timeMs` is an integer. No object is made for an interaction. */
  interaction(user: string, item: string, action: string, value: number, timeMs: number): void;
}
