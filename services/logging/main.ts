import { runService, runUntilSignal } from '../../common/service.ts';
import { createLogging } from './server.ts';

/** Serves the log. */
export function main(): Promise<void> {
  return runUntilSignal(() => runService('logging', createLogging));
}
