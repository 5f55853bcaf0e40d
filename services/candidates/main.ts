import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { addressesSchema, runService, runUntilSignal } from '../../common/service.ts';
import { createCandidates } from './server.ts';

/** Serves candidate generation. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('candidates', async (environment) => {
      const { features } = environment.config.section('addresses', addressesSchema);
      const channel = new Channel(features);
      const candidates = await createCandidates(environment, {
        features: channel.client(contracts.features),
      });
      return { ...candidates, close: () => candidates.close().then(() => channel.close()) };
    }),
  );
}
