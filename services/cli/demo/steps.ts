import pc from 'picocolors';

const REDRAW_MS = 100;
const WIDTH = 64;

/** One step of longer work, while it runs: says how far it is. */
export type Report = (what: string, done?: number, total?: number) => void;

/** Prints one line per step with the seconds that it took; on a terminal the line also shows how far the step is. */
export class Steps {
  readonly #out: NodeJS.WriteStream;
  readonly #startedMs = performance.now();

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Seconds since the first step could begin. */
  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Runs one step. What it answers under `said` is its line's text; a failure ends the line and is thrown on. */
  async run<T>(what: string, work: (report: Report) => Promise<T>, said?: (result: T) => string): Promise<T> {
    const startedMs = performance.now();
    const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`.padStart(7);
    let drawnMs = Number.NEGATIVE_INFINITY;
    const report: Report = (detail, done, total) => {
      if (!this.#out.isTTY || performance.now() - drawnMs < REDRAW_MS) return;
      drawnMs = performance.now();
      const share = done === undefined || !total ? '' : ` ${Math.floor((100 * done) / total)} %`;
      const text = `${what}: ${detail}${share}`.slice(0, WIDTH).padEnd(WIDTH);
      this.#out.write(`\r  ${pc.cyan('·')} ${text} ${pc.dim(seconds())}`);
    };
    report('');
    try {
      const result = await work(report);
      this.#end(pc.green('✓'), said?.(result) ?? what, seconds());
      return result;
    } catch (error) {
      this.#end(pc.red('✗'), what, seconds());
      throw error;
    }
  }

  #end(mark: string, text: string, seconds: string): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
    this.#out.write(`  ${mark} ${text.padEnd(WIDTH)} ${pc.dim(seconds)}\n`);
  }
}
