import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { addressesSchema, runService, runUntilSignal } from '../../common/service.ts';
import { createReranking } from './server.ts';

/** Serves reranking. */
export function main(): Promise<void> {
  return runUntilSignal(() =>
    runService('reranking', async (environment) => {
      const { features } = environment.config.section('addresses', addressesSchema);
      const channel = new Channel(features);
      const reranking = await createReranking(environment, { features: channel.client(contracts.features) });
      return { ...reranking, close: () => reranking.close().then(() => channel.close()) };
    }),
  );
}
