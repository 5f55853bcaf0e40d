import { contracts } from '../../common/rpc/services.ts';
import { channelTo, runService, runUntilSignal } from '../../common/service.ts';
import { createFeatures } from './server.ts';

/** Serves users' state and the catalogue. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('features', async (environment) => {
      const channel = channelTo('logging', environment);
      const features = await createFeatures(environment, { logging: channel.client(contracts.logging) });
      return { ...features, close: () => features.close().then(() => channel.close()) };
    }),
  );
}
