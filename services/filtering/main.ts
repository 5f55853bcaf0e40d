import { runStage } from '../../common/stage-component.ts';
import { createFiltering } from './server.ts';

/** Serves filtering. */
export function main(): Promise<void> {
  return runStage('filtering', createFiltering);
}
