import { followLive } from './bundle/boot.ts';
import type { BundleHost } from './bundle/host.ts';
import type { CatalogueReplica } from './catalogue/replica.ts';
import type { Contract, GeneratedService, Service } from './rpc/contract.ts';
import { contracts, type FeaturesService, type LoggingService, type StageService } from './rpc/services.ts';
import {
  type Component,
  channelTo,
  type Environment,
  runService,
  runUntilSignal,
  type ServiceName,
  served,
} from './service.ts';
import { type StageTraits, stageService } from './stage.ts';

/** What a stage is made of before it is served. */
interface StageParts<S extends GeneratedService, T> {
  readonly traits: StageTraits;
  readonly contract: Contract<S>;
  readonly implementation: Service<S>;
  readonly bundles: BundleHost<T>;
  readonly catalogue: CatalogueReplica;
  /** Ends the stage's own work; called when no more bundles are loaded. */
  readonly close: () => void | Promise<void>;
}

/** A stage with its StageService, which follows `live.json`. */
export function stageComponent<S extends GeneratedService, T>(
  parts: StageParts<S, T>,
): Component & { implementation: Service<S>; stage: StageService } {
  const { contract, implementation, bundles, catalogue } = parts;
  const stage = stageService(parts.traits, bundles, () => catalogue.epoch);
  let stopFollowing = async (): Promise<void> => {};
  return {
    implementation,
    stage,
    services: [served(contract, implementation), served(contracts.stage, stage)],
    watchServing: (changed) => {
      stopFollowing = followLive(bundles, changed);
    },
    close: async () => {
      await stopFollowing();
      await parts.close();
    },
  };
}

/** Serves a stage until a signal ends the process, with clients of the features and the logging service at their configured addresses. */
export function runStage(
  name: ServiceName,
  create: (
    environment: Environment,
    peers: { features: FeaturesService; logging: LoggingService },
  ) => Promise<Component>,
): Promise<void> {
  return runUntilSignal(() =>
    runService(name, async (environment) => {
      const features = channelTo('features', environment);
      const logging = channelTo('logging', environment);
      const stage = await create(environment, {
        features: features.client(contracts.features),
        logging: logging.client(contracts.logging),
      });
      const close = async (): Promise<void> => {
        await stage.close();
        features.close();
        logging.close();
      };
      return { ...stage, close };
    }),
  );
}
