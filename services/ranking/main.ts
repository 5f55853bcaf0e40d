import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { addressesSchema, runService, runUntilSignal } from '../../common/service.ts';
import { createRanking } from './server.ts';

/** Serves ranking. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('ranking', async (environment) => {
      const { features } = environment.config.section('addresses', addressesSchema);
      const channel = new Channel(features);
      const ranking = await createRanking(environment, { features: channel.client(contracts.features) });
      return { ...ranking, close: () => ranking.close().then(() => channel.close()) };
    }),
  );
}
