import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cleanTitle, releaseTimeMs, slug } from './film-cleaning.ts';

/** One film as a catalogue item. What the data set does not know is absent, never 0 and never an empty text. */
export interface FilmRow {
  /** `title-year` in lower case and hyphens, with `-2`, `-3`, ... where that is taken. The same in every run. */
  readonly id: string;
  readonly title: string;
  /** Words to search by, the title not included. */
  readonly text: string;
  /** The genre; empty where it is unknown. */
  readonly categories: readonly string[];
  /**
   * `year`, `release_time_ms` (Unix epoch, UTC), `running_time_min`, `imdb_rating` (1–10), `imdb_votes`, `worldwide_gross_usd`;
   * texts `genre`, `director`, `distributor`, `mpaa_rating`, `creative_type`, `source`.
   */
  readonly attributes: Readonly<Record<string, number | string>>;
}

const TEXTS = [
  ['genre', 'Major Genre'],
  ['director', 'Director'],
  ['distributor', 'Distributor'],
  ['mpaa_rating', 'MPAA Rating'],
  ['creative_type', 'Creative Type'],
  ['source', 'Source'],
] as const;

const NUMBERS = [
  ['running_time_min', 'Running Time min'],
  ['imdb_rating', 'IMDB Rating'],
  ['imdb_votes', 'IMDB Votes'],
  ['worldwide_gross_usd', 'Worldwide Gross'],
] as const;

/** Words by which the data set says that it does not know. */
const UNKNOWN_TEXTS = new Set(['', 'Distributor Unknown', 'Open']);

const SEARCHABLE = ['genre', 'creative_type', 'director', 'source', 'distributor'] as const;

/** The 3,201 films of the npm package `vega-datasets` (`data/movies.json`), in its order. */
export function readFilms(): FilmRow[] {
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return parseFilms(readFileSync(join(dirname(entry), '..', 'data', 'movies.json'), 'utf8'));
}

/**
 * Films from JSON in the form of `movies.json`: an array of objects. A film without a title becomes `Untitled`.
 * Throws naming the row that is not an object.
 */
export function parseFilms(json: string): FilmRow[] {
  const rows: unknown = JSON.parse(json);
  if (!Array.isArray(rows)) throw new Error('films: the file is not a JSON array');
  const taken = new Set<string>();
  return rows.map((row: unknown, index) => {
    if (typeof row !== 'object' || row === null) throw new Error(`films: row ${index} is not an object`);
    return filmOf(row as Record<string, unknown>, taken);
  });
}

function filmOf(row: Record<string, unknown>, taken: Set<string>): FilmRow {
  const attributes: Record<string, number | string> = {};
  const releaseMs = releaseTimeMs(row['Release Date']);
  const year = releaseMs === undefined ? undefined : new Date(releaseMs).getUTCFullYear();
  if (releaseMs !== undefined && year !== undefined) {
    attributes.year = year;
    attributes.release_time_ms = releaseMs;
  }
  for (const [name, field] of NUMBERS) {
    const value = row[field];
    // The data set writes 0 for an unknown gross, and no other number in it can be 0.
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) attributes[name] = value;
  }
  for (const [name, field] of TEXTS) {
    const value = row[field];
    if (typeof value === 'string' && !UNKNOWN_TEXTS.has(value.trim())) attributes[name] = value.trim();
  }
  const title = cleanTitle(row.Title, year) ?? 'Untitled';
  const words = SEARCHABLE.flatMap((name) => attributes[name] ?? []);
  if (year !== undefined) words.push(year, `${year - (year % 10)}s`);
  const genre = attributes.genre;
  return {
    id: uniqueId(title, year, taken),
    title,
    text: words.join(' '),
    categories: genre === undefined ? [] : [String(genre)],
    attributes,
  };
}

function uniqueId(title: string, year: number | undefined, taken: Set<string>): string {
  const name = slug(title) || 'film';
  const base = year === undefined ? name : `${name}-${year}`;
  let id = base;
  for (let suffix = 2; taken.has(id); suffix++) id = `${base}-${suffix}`;
  taken.add(id);
  return id;
}
