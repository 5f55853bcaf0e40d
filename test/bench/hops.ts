import { CandidatesServiceService } from '../../gen/millrace/candidates/v1/candidates.ts';
import { FeaturesServiceService } from '../../gen/millrace/features/v1/features.ts';
import { FilteringServiceService } from '../../gen/millrace/filtering/v1/filtering.ts';
import { LoggingServiceService } from '../../gen/millrace/logging/v1/logging.ts';
import { OrchestratorServiceService } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { RankingServiceService } from '../../gen/millrace/ranking/v1/ranking.ts';
import { RerankingServiceService } from '../../gen/millrace/reranking/v1/reranking.ts';

/** The hops of one Recommend, the front door first, with the generated methods and nothing of Millrace's around them. */
export const HOPS = {
  orchestrator: { service: OrchestratorServiceService, method: 'recommend' },
  features: { service: FeaturesServiceService, method: 'getUserState' },
  candidates: { service: CandidatesServiceService, method: 'retrieve' },
  filtering: { service: FilteringServiceService, method: 'filter' },
  ranking: { service: RankingServiceService, method: 'rank' },
  reranking: { service: RerankingServiceService, method: 'rerank' },
  logging: { service: LoggingServiceService, method: 'append' },
} as const;
export type HopName = keyof typeof HOPS;

/** A generated method without its message types. */
export interface PlainMethod {
  readonly path: string;
  readonly requestSerialize: (message: unknown) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (message: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

export function methodOf(name: HopName): PlainMethod {
  const { service, method } = HOPS[name];
  return (service as unknown as Record<string, PlainMethod>)[method];
}

/** The messages that went over one hop, encoded; row n belongs to the same request in every hop. */
export interface Traffic {
  readonly requests: Buffer[];
  readonly responses: Buffer[];
}
export type Recordings = Record<HopName, Traffic>;
