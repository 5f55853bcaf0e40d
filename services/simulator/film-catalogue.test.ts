import { describe, expect, test } from 'vitest';
import { parseFilms, readFilms } from './film-catalogue.ts';

const films = readFilms();
const byId = new Map(films.map((film) => [film.id, film]));

describe('the films of vega-datasets', () => {
  test('all 3,201 are kept, with ids that are unique, plain and the same each time', () => {
    expect(films).toHaveLength(3201);
    expect(byId.size).toBe(3201);
    expect(films.filter(({ id }) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id))).toEqual([]);
    expect(readFilms()).toEqual(films);
  });

  test('what is unknown is absent: no attribute is 0, empty, null or not finite', () => {
    const wrong: string[] = [];
    for (const { id, title, attributes, categories } of films) {
      if (title === '' || categories[0] !== attributes.genre) wrong.push(id);
      for (const [name, value] of Object.entries(attributes)) {
        if (name === 'release_time_ms') continue; // 0 is a date: 1 January 1970.
        const known = typeof value === 'number' ? Number.isFinite(value) && value !== 0 : value !== '';
        if (!known) wrong.push(`${id} ${name}=${value}`);
      }
    }
    expect(wrong).toEqual([]);
    const known = (name: string) => films.filter(({ attributes }) => name in attributes).length;
    expect(known('year')).toBe(3193);
    expect(known('genre')).toBe(2926);
    expect(known('director')).toBe(1870);
    expect(known('imdb_votes')).toBe(2988);
    expect(known('worldwide_gross_usd')).toBe(3147);
  });

  test('years of the wrong century are put right and namesakes are told apart by year', () => {
    const years = films.flatMap(({ attributes }) => attributes.year ?? []).map(Number);
    expect(Math.min(...years)).toBe(1915);
    expect(Math.max(...years)).toBe(2011);
    expect(byId.get('gone-with-the-wind-1939')?.attributes.year).toBe(1939);
    expect(byId.has('20-000-leagues-under-the-sea-1916')).toBe(true);
    expect(byId.has('20-000-leagues-under-the-sea-1954')).toBe(true);
    expect(byId.get('drei')?.attributes).not.toHaveProperty('release_time_ms');
  });

  test('titles are text, readable and in their usual order', () => {
    expect(byId.get('1941-1979')?.title).toBe('1941');
    expect(byId.get('leon-1994')?.title).toBe('Léon');
    expect(byId.get('the-naked-gun-2-1-2-the-smell-of-fear-1991')?.title).toContain('2½');
    expect(byId.get('richie-rich-1994')?.title).toBe('Ri¢hie Ri¢h');
    expect(byId.get('king-kong-1933')?.title).toBe('King Kong');
    expect(byId.get('the-charge-of-the-light-brigade-1936')?.title).toBe('The Charge of the Light Brigade');
    expect(byId.get('untitled-2006')?.title).toBe('Untitled');
  });

  test('the text holds what one searches by', () => {
    expect(byId.get('jaws-1975')?.text).toContain('Steven Spielberg');
    expect(byId.get('jaws-1975')?.text).toContain('1970s');
    expect(byId.get('jaws-1975')?.attributes.release_time_ms).toBe(Date.UTC(1975, 5, 20));
  });
});

describe('dirty rows', () => {
  const parse = (...rows: unknown[]) => parseFilms(JSON.stringify(rows));

  test('a film that has the same title and year as another gets a suffix', () => {
    const row = { Title: 'Crash', 'Release Date': 'May 06 2005' };
    expect(parse(row, row, row).map(({ id }) => id)).toEqual(['crash-2005', 'crash-2005-2', 'crash-2005-3']);
  });

  test('impossible dates, blank texts and numbers of another type are left out', () => {
    const [film] = parse({
      Title: ' ',
      'Release Date': 'Feb 30 1999',
      Director: ' ',
      'MPAA Rating': 'Open',
      'Worldwide Gross': 0,
      'IMDB Rating': '7',
    });
    expect(film).toEqual({ id: 'untitled', title: 'Untitled', text: '', categories: [], attributes: {} });
  });

  test('what is not a list of films is refused by row', () => {
    expect(() => parse({ Title: 'A' }, null)).toThrow('row 1');
    expect(() => parseFilms('{}')).toThrow('not a JSON array');
  });
});
