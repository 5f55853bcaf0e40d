import { CatalogueReplica } from '../common/catalogue/replica.ts';
import type { Contract, GeneratedService, Service } from '../common/rpc/contract.ts';
import { inMemory } from '../common/rpc/memory.ts';
import { contracts, type StageService } from '../common/rpc/services.ts';
import { type Component, type Environment, runService, runUntilSignal, served } from '../common/service.ts';
import { createCandidates } from '../services/candidates/server.ts';
import { createFeatures } from '../services/features/server.ts';
import { createFiltering } from '../services/filtering/server.ts';
import { createLogging } from '../services/logging/server.ts';
import type { Peers } from '../services/orchestrator/run.ts';
import { createOrchestrator } from '../services/orchestrator/server.ts';
import { createRanking } from '../services/ranking/server.ts';
import { createReranking } from '../services/reranking/server.ts';

/** Every service of Millrace in one process: stages talk in memory and share one copy of the catalogue. */
export interface AllInOne extends Component {
  readonly peers: Peers;
  readonly orchestrator: Awaited<ReturnType<typeof createOrchestrator>>;
  readonly replica: CatalogueReplica;
}

/** Puts all services together. The front door serves the orchestrator, the features service's catalogue API and private answers. */
export async function createAllInOne(environment: Environment): Promise<AllInOne> {
  const logging = await createLogging(environment);
  const log = memory(contracts.logging, logging);
  const features = await createFeatures(environment, { logging: log });
  const catalogue = memory(contracts.features, features);
  const replica = new CatalogueReplica({ features: catalogue, watcher: 'all', log: environment.log });
  const candidates = await createCandidates(environment, { features: catalogue }, replica);
  const filtering = await createFiltering(environment, { features: catalogue }, replica);
  const ranking = await createRanking(environment, { features: catalogue }, replica);
  const reranking = await createReranking(environment, { features: catalogue, logging: log }, replica);
  const peers: Peers = {
    features: catalogue,
    candidates: memory(contracts.candidates, candidates),
    filtering: memory(contracts.filtering, filtering),
    ranking: memory(contracts.ranking, ranking),
    reranking: memory(contracts.reranking, reranking),
    logging: log,
  };
  const stages = new Map<string, StageService>(
    Object.entries({ candidates, filtering, ranking, reranking }).map(([name, { stage }]) => [name, stage]),
  );
  const orchestrator = await createOrchestrator(environment, peers, stages, replica);
  const components: readonly Component[] = [
    logging,
    features,
    candidates,
    filtering,
    ranking,
    reranking,
    orchestrator,
  ];
  return {
    peers,
    orchestrator,
    replica,
    services: [
      ...orchestrator.services,
      served(contracts.features, features.implementation),
      served(contracts.privacy, logging.privacy),
    ],
    watchServing: (changed) => watchAll(components, changed),
    close: async () => {
      await orchestrator.close();
      await replica.stop();
      for (const component of components.slice(0, -1).reverse()) await component.close();
    },
  };
}

/** Serves everything at the orchestrator's address. */
export function main(): Promise<void> {
  return runUntilSignal(() => runService('orchestrator', createAllInOne));
}

function memory<S extends GeneratedService>(
  contract: Contract<S>,
  { implementation }: { implementation: Service<S> },
): Service<S> {
  return inMemory(contract, implementation);
}

function watchAll(components: readonly Component[], changed: (serving: boolean) => void): void {
  const serving = components.map(() => false);
  for (const [i, component] of components.entries()) {
    component.watchServing((now) => {
      serving[i] = now;
      changed(serving.every(Boolean));
    });
  }
}
