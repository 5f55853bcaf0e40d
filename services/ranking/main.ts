import { runStage } from '../../common/stage-component.ts';
import { createRanking } from './server.ts';

/** Serves ranking. */
export function main(): Promise<void> {
  return runStage('ranking', createRanking);
}
