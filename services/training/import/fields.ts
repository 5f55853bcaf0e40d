import { ID_BYTES_MAX } from '../../../common/ids.ts';
import { RowFault } from './report.ts';

/** The unit of a numeric time column; without one the magnitude decides. */
export type TimeUnit = 's' | 'ms';

/** Numbers from here on are milliseconds, below it seconds: the year 5138 in seconds, March 1973 in milliseconds. */
const MILLISECONDS_FROM = 1e11;
const TIME_MS_MAX = 8.64e15;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const ISO_8601 = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;
const CONTROL = /[\p{Cc}\p{Cs}]/u;
const CONTROL_IN_TEXT = /[^\P{Cc}\t\n\r]|\p{Cs}/u;

/** Whether a cell holds nothing: an absent key, JSON null, or an empty string. */
export function isEmpty(cell: unknown): boolean {
  return cell === undefined || cell === null || cell === '';
}

/**
 * A user, item or action name: 1 to 256 bytes of UTF-8, not blank, no control characters or unpaired surrogates, kept
 * as written. A JSON integer is its decimal form.
 */
export function readId(cell: unknown, field: string): string {
  if (typeof cell === 'number' && Number.isSafeInteger(cell)) return String(cell);
  if (isEmpty(cell)) throw new RowFault(`${field}: empty`);
  if (typeof cell !== 'string') throw new RowFault(`${field}: neither a string nor an integer`);
  if (cell.charCodeAt(0) === 32 && cell.trim() === '') throw new RowFault(`${field}: blank`);
  if (cell.length * 3 > ID_BYTES_MAX && Buffer.byteLength(cell) > ID_BYTES_MAX) {
    throw new RowFault(`${field}: longer than ${ID_BYTES_MAX} bytes: ${shown(cell)}`);
  }
  if (CONTROL.test(cell)) throw new RowFault(`${field}: control character in ${shown(cell)}`);
  return cell;
}

/** A finite decimal number, from a JSON number or from text. */
export function readNumber(cell: unknown, field: string): number {
  const value = typeof cell === 'string' && NUMBER.test(cell) ? Number(cell) : cell;
  if (typeof value !== 'number') throw new RowFault(`${field}: not a number: ${shown(cell)}`);
  if (!Number.isFinite(value)) throw new RowFault(`${field}: not finite: ${shown(cell)}`);
  return value;
}

/** A number that is finite as float32; NaN where the cell is empty. */
export function readValue(cell: unknown, field: string): number {
  if (isEmpty(cell)) return Number.NaN;
  const value = readNumber(cell, field);
  if (!Number.isFinite(Math.fround(value))) {
    throw new RowFault(`${field}: too large for a 32-bit float: ${shown(cell)}`);
  }
  return value;
}

/**
 * A time in integer milliseconds since the Unix epoch, from 1970 on. A `Date`; ISO 8601 (a date, or a date and time; without a
 * zone it is UTC), or a number in `unit`; without a unit, numbers from 1e11 on are milliseconds and smaller ones seconds.
 */
export function readTime(cell: unknown, unit: TimeUnit | undefined, field: string): number {
  if (isEmpty(cell)) throw new RowFault(`${field}: empty`);
  const iso = typeof cell === 'string' ? ISO_8601.exec(cell) : null;
  let timeMs: number;
  if (cell instanceof Date) {
    timeMs = cell.getTime();
  } else if (iso !== null) {
    timeMs = isoMs(iso);
  } else if (typeof cell === 'number' || (typeof cell === 'string' && NUMBER.test(cell))) {
    const value = Number(cell);
    const milliseconds = unit === undefined ? value >= MILLISECONDS_FROM : unit === 'ms';
    timeMs = Math.round(milliseconds ? value : value * 1000);
  } else {
    throw new RowFault(`${field}: neither ISO 8601 nor a number: ${shown(cell)}`);
  }
  if (!(timeMs >= 0 && timeMs <= TIME_MS_MAX)) {
    throw new RowFault(`${field}: not a time from 1970 on: ${shown(cell)}`);
  }
  return timeMs;
}

/** Free text: control characters other than tab and line breaks are refused. A `Date` is its ISO 8601 form. */
export function readText(cell: unknown, field: string): string {
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? '' : cell.toISOString();
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell);
  if (typeof cell !== 'string') throw new RowFault(`${field}: not text`);
  if (CONTROL_IN_TEXT.test(cell)) throw new RowFault(`${field}: control character in ${shown(cell)}`);
  return cell;
}

/** A list of tokens: a JSON array, or text cut at `separator`. Empty tokens are dropped; tokens hold no control characters. */
export function readList(cell: unknown, separator: string, field: string): string[] {
  if (isEmpty(cell)) return [];
  const parts: unknown[] = Array.isArray(cell) ? cell : readText(cell, field).split(separator);
  const tokens: string[] = [];
  for (const part of parts) {
    const token = readText(part, field).trim();
    if (CONTROL.test(token)) throw new RowFault(`${field}: control character in ${shown(token)}`);
    if (token !== '') tokens.push(token);
  }
  return tokens;
}

/** NaN where a part is out of range: `Date.parse` would take 30 February for 2 March. */
function isoMs([, year, month, day, time = '00:00', zone = 'Z']: RegExpExecArray): number {
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return Number.NaN;
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  return Date.parse(`${year}-${month}-${day}T${time}${offset}`);
}

function shown(cell: unknown): string {
  const text = typeof cell === 'string' ? cell : String(cell);
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
