import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { addressesSchema, runService, runUntilSignal } from '../../common/service.ts';
import { createFiltering } from './server.ts';

/** Serves filtering. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('filtering', async (environment) => {
      const { features } = environment.config.section('addresses', addressesSchema);
      const channel = new Channel(features);
      const filtering = await createFiltering(environment, { features: channel.client(contracts.features) });
      return { ...filtering, close: () => filtering.close().then(() => channel.close()) };
    }),
  );
}
