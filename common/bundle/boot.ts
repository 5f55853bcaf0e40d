import { pause } from '../clock.ts';
import type { BundleHost } from './host.ts';

const POLL_MS = 1_000;

/**
 * Loads what `live.json` names, at once and whenever it changes, and tells `changed` whether the champion can answer. A champion
 * that could not be loaded is tried again every second. The function returned stops.
 */
export function followLive<T>(host: BundleHost<T>, changed: (serving: boolean) => void): () => Promise<void> {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await host.loadLive();
      changed(host.ready);
      await pause(POLL_MS, stopping.signal);
    }
  })();
  return async () => {
    stopping.abort();
    await running;
  };
}
