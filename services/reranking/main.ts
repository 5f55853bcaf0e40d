import { runStage } from '../../common/stage-component.ts';
import { createReranking } from './server.ts';

/** Serves reranking. */
export function main(): Promise<void> {
  return runStage('reranking', createReranking);
}
