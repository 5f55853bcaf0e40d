import type { RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';

/** Where users' states are kept and read; it has one writer, the fold that it was opened for. */
export interface UserStore {
  /** Brings into the fold the records that the events will touch. Waits while the store is away. */
  prepare(events: readonly RecordedEvent[]): Promise<void>;
  /**
   * Takes over the fold's records of `changed` users together with the offset after the last event folded: readers see both or
   * neither, and after a crash too. Waits while the store is away; STORE_LOST where the store no longer is what this writer left.
   */
  commit(changed: ReadonlySet<string>, offset: number): Promise<void>;
  /**
   * A user's state as committed, encoded, with what they did under earlier names, latest first; STAGE_UNAVAILABLE while the store is
   * away.
   */
  state(userId: string, earlierIds?: readonly string[]): Promise<Buffer>;
  /** Ends waiting; nothing is committed any more. */
  close(): Promise<void>;
}
