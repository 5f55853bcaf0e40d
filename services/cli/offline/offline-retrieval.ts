import { Candidates } from '../../../common/columns.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { FeaturesService } from '../../../common/rpc/services.ts';
import type { Environment } from '../../../common/service.ts';
import { encodeUser } from '../../../common/user-state.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { createCandidates } from '../../candidates/server.ts';
import type { Retrieval } from '../../training/training.ts';

/** The candidates service on one bundle of the environment's home. BUNDLE_DAMAGED or BUNDLE_UNKNOWN where it cannot be loaded. */
export async function openRetrieval(
  environment: Environment,
  bundle: string,
  features: FeaturesService,
): Promise<Retrieval> {
  const { implementation, stage, close } = await createCandidates(environment, { features });
  await stage.loadBundle({ version: bundle }, rootCall());
  return {
    retrieve: async (user, timeMs, limit, source) => {
      const context = RequestContext.fromPartial({ bundle, timeMs, userState: encodeUser(user) });
      const sources = source === undefined ? [] : [source];
      const request = { context, limit, seeds: Candidates.empty, excluded: Candidates.empty, sources };
      const { candidates } = await implementation.retrieve(request, rootCall());
      return candidates;
    },
    [Symbol.asyncDispose]: close,
  };
}
