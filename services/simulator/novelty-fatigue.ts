import type { Audience } from './audience.ts';

/** How tired users are of films and genres: what they looked at lately counts against its next click. */
export class NoveltyFatigue {
  readonly #filmLooks: Float32Array;
  readonly #genreLooks: Float32Array;
  readonly #genreOf: Uint16Array;
  readonly #genres: number;
  readonly #films: number;
  readonly #parameters: Audience['parameters'];

  constructor({ films, users, parameters }: Audience) {
    const genres = new Map<string, number>();
    this.#genreOf = Uint16Array.from(films, ({ categories: [genre = ''] }) => {
      if (!genres.has(genre)) genres.set(genre, genres.size);
      return genres.get(genre) as number;
    });
    this.#films = films.length;
    this.#genres = genres.size;
    this.#filmLooks = new Float32Array(users.length * films.length);
    this.#genreLooks = new Float32Array(users.length * genres.size);
    this.#parameters = parameters;
  }

  /** Logits that the user's next look at the film has lost. */
  logits(user: number, film: number): number {
    const { filmFatigue, genreFatigue } = this.#parameters;
    const ofFilm = this.#filmLooks[user * this.#films + film];
    const ofGenre = this.#genreLooks[user * this.#genres + this.#genreOf[film]];
    return filmFatigue * Math.log1p(ofFilm) + genreFatigue * Math.log1p(ofGenre);
  }

  look(user: number, film: number): void {
    this.#filmLooks[user * this.#films + film]++;
    this.#genreLooks[user * this.#genres + this.#genreOf[film]]++;
  }

  /** Lets all looks fade for so many days. */
  rest(days: number): void {
    const kept = 2 ** (-days / this.#parameters.fatigueHalfLifeDays);
    for (const looks of [this.#filmLooks, this.#genreLooks])
      for (let i = 0; i < looks.length; i++) looks[i] *= kept;
  }
}
