import { Candidates } from '../../common/columns.ts';
import type { CounterFold } from '../../common/features/counter-fold.ts';
import type { FeaturesService } from '../../common/rpc/services.ts';

const ROWS_MAX = 50_000;

/** Versions of the item counters: what has changed since `version` (0: everything), then news at most every `intervalMs`; a large one in pages. */
export async function* counterVersions(
  fold: CounterFold,
  version: number,
  intervalMs: number,
  signal: AbortSignal,
): ReturnType<FeaturesService['watchItemCounters']> {
  let sent = version;
  for (let first = true; !signal.aborted; first = false) {
    if (first || fold.version > sent) {
      const changed = fold.changedSince(sent);
      const { version: now } = fold;
      for (let from = 0; from === 0 || from < changed.count; from += ROWS_MAX) {
        const complete = version === 0 && first && from === 0;
        yield {
          version: now,
          complete,
          counters: page(changed, from),
          more: from + ROWS_MAX < changed.count,
        };
      }
      sent = now;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, intervalMs);
      signal.addEventListener('abort', done);
    });
  }
}

function page(rows: Candidates, from: number): Candidates {
  const to = from + ROWS_MAX;
  const columns = [...rows.columns].map(([name, values]) => [name, values.subarray(from, to)] as const);
  return new Candidates(rows.items.subarray(from, to), new Map(columns));
}
