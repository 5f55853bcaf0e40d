import { CatalogueReplica } from '../../../common/catalogue/replica.ts';
import { ConfigSource } from '../../../common/config.ts';
import { Channel } from '../../../common/rpc/client.ts';
import type { Contract, GeneratedService, Service } from '../../../common/rpc/contract.ts';
import { inMemory } from '../../../common/rpc/memory.ts';
import { RpcServer } from '../../../common/rpc/server.ts';
import {
  contracts,
  type FeaturesService,
  type OrchestratorService,
  type StageService,
} from '../../../common/rpc/services.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { createCandidates } from '../../../services/candidates/server.ts';
import { createFeatures } from '../../../services/features/server.ts';
import { createLogging } from '../../../services/logging/server.ts';
import { createOrchestrator } from '../../../services/orchestrator/server.ts';
import { createRanking } from '../../../services/ranking/server.ts';
import { createReranking } from '../../../services/reranking/server.ts';
import { untilServing } from '../../support/health.ts';
import { freeAddresses, Processes } from '../../support/processes.ts';
import { StageProxy } from '../../support/stage-proxy.ts';

const START_TIMEOUT_MS = 120_000;

/** Millrace in this process, but for filtering, which is a process of its own behind a stand-in that can be told to be wrong. */
export class System implements AsyncDisposable {
  readonly door: OrchestratorService;
  readonly features: FeaturesService;
  readonly filtering: Processes;
  readonly proxy: StageProxy;
  readonly #stop: () => Promise<void>;

  private constructor(
    parts: Pick<System, 'door' | 'features' | 'filtering' | 'proxy'>,
    stop: () => Promise<void>,
  ) {
    this.door = parts.door;
    this.features = parts.features;
    this.filtering = parts.filtering;
    this.proxy = parts.proxy;
    this.#stop = stop;
  }

  /** `through`: stands between everyone and the features service. */
  static async start(
    home: string,
    env: Readonly<Record<string, string>>,
    through: (features: FeaturesService) => FeaturesService,
  ): Promise<System> {
    const environment = {
      config: new ConfigSource({ MILLRACE_HOME: home, ...env }),
      log: createLogger('filter-leak'),
    };
    const { log } = environment;
    const addresses = await freeAddresses();
    const logging = await createLogging(environment);
    const journal = memory(contracts.logging, logging.implementation);
    const owner = await createFeatures(environment, { logging: journal });
    const features = through(memory(contracts.features, owner.implementation));
    const server = new RpcServer({ log });
    for (const service of owner.services) service.addTo(server);
    await server.listen(addresses.features);
    const replica = new CatalogueReplica({ features, watcher: 'all', log });
    const candidates = await createCandidates(environment, { features }, replica);
    const ranking = await createRanking(environment, { features }, replica);
    const reranking = await createReranking(environment, { features }, replica);
    for (const component of [logging, candidates, ranking, reranking]) component.watchServing(() => {});
    owner.watchServing((serving) => server.setServing(serving));
    await untilServing(addresses.features, START_TIMEOUT_MS);
    const filtering = await Processes.start({ home, env }, { names: ['filtering'], addresses });
    const proxy = await StageProxy.start(addresses.filtering, [contracts.filtering, contracts.stage]);
    const channel = new Channel(proxy.address);
    const peers = {
      features,
      candidates: memory(contracts.candidates, candidates.implementation),
      filtering: channel.client(contracts.filtering),
      ranking: memory(contracts.ranking, ranking.implementation),
      reranking: memory(contracts.reranking, reranking.implementation),
      logging: journal,
    };
    const stages = new Map<string, StageService>([
      ...Object.entries({ candidates, ranking, reranking }).map(
        ([name, { stage }]) => [name, stage] as const,
      ),
      ['filtering', channel.client(contracts.stage)],
    ]);
    const orchestrator = await createOrchestrator(environment, peers, stages, replica);
    await new Promise<void>((resolve) => orchestrator.watchServing((serving) => serving && resolve()));
    const stop = async (): Promise<void> => {
      await orchestrator.close();
      channel.close();
      await proxy[Symbol.asyncDispose]();
      await filtering[Symbol.asyncDispose]();
      await replica.stop();
      for (const component of [reranking, ranking, candidates, owner, logging]) await component.close();
      await server.drain(500);
    };
    const door = memory(contracts.orchestrator, orchestrator.implementation);
    return new System({ door, features, filtering, proxy }, stop);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }
}

function memory<S extends GeneratedService>(contract: Contract<S>, implementation: Service<S>): Service<S> {
  return inMemory(contract, implementation);
}
