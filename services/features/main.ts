import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { addressesSchema, runService, runUntilSignal } from '../../common/service.ts';
import { createFeatures } from './server.ts';

/** Serves users' state and the catalogue. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('features', async (environment) => {
      const { logging } = environment.config.section('addresses', addressesSchema);
      const channel = new Channel(logging);
      const features = await createFeatures(environment, { logging: channel.client(contracts.logging) });
      return { ...features, close: () => features.close().then(() => channel.close()) };
    }),
  );
}
