import { contracts } from '../../common/rpc/services.ts';
import { channelTo, runService, runUntilSignal } from '../../common/service.ts';
import { createOrchestrator } from './server.ts';

/** Serves the orchestrator, with every stage behind the address that the configuration names. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('orchestrator', async (environment) => {
      const features = channelTo('features', environment);
      const candidates = channelTo('candidates', environment);
      const filtering = channelTo('filtering', environment);
      const ranking = channelTo('ranking', environment);
      const reranking = channelTo('reranking', environment);
      const logging = channelTo('logging', environment);
      const peers = {
        features: features.client(contracts.features),
        candidates: candidates.client(contracts.candidates),
        filtering: filtering.client(contracts.filtering),
        ranking: ranking.client(contracts.ranking),
        reranking: reranking.client(contracts.reranking),
        logging: logging.client(contracts.logging),
      };
      const routed = { candidates, filtering, ranking, reranking };
      const stages = new Map(
        Object.entries(routed).map(([name, channel]) => [name, channel.client(contracts.stage)]),
      );
      const orchestrator = await createOrchestrator(environment, peers, stages);
      const close = async (): Promise<void> => {
        await orchestrator.close();
        for (const channel of [features, ...Object.values(routed), logging]) channel.close();
      };
      return { ...orchestrator, close };
    }),
  );
}
