import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../training/progress.ts';

const FORMAT = '{what} [{bar}] {percentage}% | {value}/{total}';
const REDRAWS_PER_SECOND = 10;

/** Progress as bars on standard error, one after the other; silent where that is no terminal. */
export class ProgressBars {
  readonly #terminal = process.stderr.isTTY === true;
  #bar: SingleBar | undefined;
  #what = '';

  readonly progress: Progress = (what, done, total) => {
    if (!this.#terminal) return;
    if (what !== this.#what) this.#begin(what, total);
    this.#bar?.update(done, { what });
  };

  /** Ends the bar that is shown. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#what = '';
  }

  #begin(what: string, total: number): void {
    this.end();
    this.#what = what;
    this.#bar = new SingleBar(
      {
        format: FORMAT,
        fps: REDRAWS_PER_SECOND,
        clearOnComplete: true,
        hideCursor: null,
        stream: process.stderr,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0, { what });
  }
}
