/** The last year in which a film of the data set was released; a later one is a two-digit year put in the wrong century. */
const LAST_YEAR = 2011;

/** What the data set writes for an unknown date: the Unix epoch, seen from a time zone west of Greenwich. */
const UNKNOWN_DATE = 'Dec 31 1969';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Windows-1252 text that was read as Mac Roman: what stands there, and what was meant, in the same order. */
const MISREAD = 'ÈÍ˘ÖΩÛ‰‡Ë·ÙÎ';
const MEANT = 'éêù…½óäàèáôë';

/** Characters that NFKD leaves whole or turns into a symbol, for slugs. */
const SLUG_SPELLINGS: Readonly<Record<string, string>> = { '&': ' and ', '¢': 'c', '½': ' 1 2' };

/**
 * The release date as milliseconds since the Unix epoch (negative before 1970), midnight UTC. `undefined` where `text` is the
 * data set's mark for an unknown date, or is not a date of the form `Jun 12 1998`. A year after 2011 is taken a century
 * earlier: the source kept two digits of it.
 */
export function releaseTimeMs(text: unknown): number | undefined {
  if (typeof text !== 'string' || text === UNKNOWN_DATE) return undefined;
  const [, monthName, dayText, yearText] = /^([A-Z][a-z]{2}) (\d{1,2}) (\d{4})$/.exec(text) ?? [];
  const month = MONTHS.indexOf(monthName);
  if (month < 0) return undefined;
  const year = Number(yearText) > LAST_YEAR ? Number(yearText) - 100 : Number(yearText);
  const day = Number(dayText);
  const timeMs = Date.UTC(year, month, day);
  return new Date(timeMs).getUTCDate() === day ? timeMs : undefined;
}

/**
 * The title as a person would write it: numbers as text, accents restored, `Secret, The` as `The Secret`, without a
 * trailing `(1933)` where that is the year of release. `undefined` where there is none.
 */
export function cleanTitle(title: unknown, year: number | undefined): string | undefined {
  if (typeof title !== 'string' && typeof title !== 'number') return undefined;
  const text = restoreAccents(String(title))
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^(.*), (The|A|An|Les)$/, '$2 $1');
  const plain = text.endsWith(` (${year})`) ? text.slice(0, text.lastIndexOf(' (')) : text;
  return plain === '' ? undefined : plain;
}

/** `Amélie & Co` → `amelie-and-co`: lower-case a–z and digits, runs of anything else as one hyphen; may be empty. */
export function slug(text: string): string {
  return text
    .replace(/[&¢½]/g, (character) => SLUG_SPELLINGS[character])
    .normalize('NFKD')
    .replace(/[\p{M}'’]/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

function restoreAccents(text: string): string {
  return text.replace(/[^ -~]/g, (character) => {
    const at = MISREAD.indexOf(character);
    return at < 0 ? character : MEANT[at];
  });
}
