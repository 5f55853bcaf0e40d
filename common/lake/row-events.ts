import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { decodeEvent, type LoggedEvent } from '../log/events.ts';
import { wideNumbers } from './result-columns.ts';
import { quoted } from './schema.ts';

const COLUMNS = [
  'offset',
  'time_ms',
  'event_id',
  'user_id',
  'item_id',
  'action',
  'value',
  'request_id',
  'position',
  'propensity',
  'device',
  'locale',
  'surface',
  'region',
  'record',
] as const;

/** The SELECT whose chunks `eventsOfChunk` takes, without FROM. */
export const SELECT_EVENTS = `SELECT ${COLUMNS.map(quoted).join(', ')}`;

/** The events of a chunk, as they were before they were rows. */
export function eventsOfChunk(chunk: DuckDBDataChunk): LoggedEvent[] {
  const offsets = wideNumbers(chunk, 0);
  const times = wideNumbers(chunk, 1);
  const vectors = COLUMNS.map((_, i) => chunk.getColumnVector(i));
  const text = (column: number, row: number): string => (vectors[column].getItem(row) as string | null) ?? '';
  const number = (column: number, row: number): number | undefined =>
    (vectors[column].getItem(row) as number | null) ?? undefined;
  return Array.from({ length: chunk.rowCount }, (_, row) => {
    const record = vectors[14].getItem(row) as { bytes: Uint8Array } | null;
    if (record !== null) return { offset: offsets[row], event: decodeEvent(record.bytes) };
    const [device, locale, surface, region] = [10, 11, 12, 13].map((column) => text(column, row));
    const known = device !== '' || locale !== '' || surface !== '' || region !== '';
    const event: Event = {
      eventId: text(2, row),
      timeMs: times[row],
      decision: undefined,
      feedback: {
        userId: text(3, row),
        itemId: text(4, row),
        action: ACTION_BY_NAME.get(text(5, row)) ?? 0,
        value: number(6, row),
        requestId: text(7, row),
        position: number(8, row) ?? 0,
        propensity: number(9, row) ?? 0,
        categories: [],
        context: known ? { device, locale, surface, region } : undefined,
      },
      catalogue: undefined,
      user: undefined,
    };
    return { offset: offsets[row], event };
  });
}
