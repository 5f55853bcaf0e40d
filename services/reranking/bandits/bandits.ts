import type { LoggingService } from '../../../common/rpc/services.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import type { ExplorationConfig } from './config.ts';
import { BanditLearner } from './learner.ts';
import { PosteriorFile } from './posterior-file.ts';
import { newPosteriors, type Posteriors } from './posteriors.ts';

/** What a re-ranking service has of bandits. */
export interface Bandits {
  /** What they have learnt, as of now. */
  posteriors(): Posteriors;
  /** Why what is published is not in force; empty: it is. */
  fault(): string;
  stop(): Promise<void>;
}

/** Follows what is published, and learns where that is configured and there is a log. Nothing where exploration is off. */
export async function startBandits(
  config: ExplorationConfig,
  { home, logging, log }: { home: string; logging: LoggingService | undefined; log: Logger },
): Promise<Bandits> {
  if (config.slots === undefined && config.slates === undefined) {
    const none = newPosteriors(config);
    return { posteriors: () => none, fault: () => '', stop: async () => {} };
  }
  const file = await PosteriorFile.follow(config, home, log);
  const learner =
    logging !== undefined && config.learn ? new BanditLearner({ config, home, logging, log }) : undefined;
  learner?.start();
  return {
    posteriors: () => file.posteriors,
    fault: () => file.fault,
    stop: async () => {
      await learner?.stop();
      await file.stop();
    },
  };
}
