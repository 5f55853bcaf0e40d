import { fieldError } from './errors.ts';

/** Length that the id of a user, item or request may have. */
export const ID_BYTES_MAX = 256;
const EVENT_ID_BYTES_MAX = 128;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The id; FIELD_INVALID naming `field` where it is empty, too long or has control characters. */
export function checkId(id: string, field: string): string {
  const bytes = Buffer.byteLength(id);
  if (bytes === 0) throw fieldError(field, 'is empty');
  if (bytes > ID_BYTES_MAX) throw fieldError(field, `${bytes} bytes; at most ${ID_BYTES_MAX}`);
  checkControl(id, field);
  return id;
}

/** Refuses the id of an event that is empty or too long. */
export function checkEventId(id: string, field: string): void {
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > EVENT_ID_BYTES_MAX)
    throw fieldError(field, `${bytes} bytes; 1 to ${EVENT_ID_BYTES_MAX} are allowed`);
}

/** Refuses a text with control characters. */
export function checkControl(text: string, field: string): void {
  if (CONTROL.test(text)) throw fieldError(field, 'has a control character');
}
