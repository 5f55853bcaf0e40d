import { runStage } from '../../common/stage-component.ts';
import { createCandidates } from './server.ts';

/** Serves candidate generation. */
export function main(): Promise<void> {
  return runStage('candidates', createCandidates);
}
