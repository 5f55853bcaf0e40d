import { CandidatesServiceService } from '../../gen/millrace/candidates/v1/candidates.ts';
import { FeaturesServiceService } from '../../gen/millrace/features/v1/features.ts';
import { FilteringServiceService } from '../../gen/millrace/filtering/v1/filtering.ts';
import { LoggingServiceService, PrivacyServiceService } from '../../gen/millrace/logging/v1/logging.ts';
import { OrchestratorServiceService } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { RankingServiceService } from '../../gen/millrace/ranking/v1/ranking.ts';
import { RerankingServiceService } from '../../gen/millrace/reranking/v1/reranking.ts';
import { StageServiceService } from '../../gen/millrace/stage/v1/stage.ts';
import type { Exploration } from '../../gen/millrace/type/v1/type.ts';
import { type Candidates, Columns, firstNonFinite } from '../columns.ts';
import { MillraceError } from '../errors.ts';
import { contract, type Service } from './contract.ts';

function invalid(message: string): MillraceError {
  return new MillraceError('RESPONSE_INVALID', message);
}

function checkColumn(candidates: Candidates, name: string, low: number, high: number): void {
  const values = candidates.columns.get(name);
  if (values === undefined) throw invalid(`candidates: column ${name} is missing`);
  const bad = firstNonFinite(values);
  if (bad !== -1) throw invalid(`candidates: ${values[bad]} in row ${bad} of ${name}`);
  for (let i = 0; i < values.length; i++) {
    if (values[i] < low || values[i] > high)
      throw invalid(`candidates: ${values[i]} in row ${i} of ${name} is not in [${low}, ${high}]`);
  }
}

function checkUnbounded(candidates: Candidates, name: string): void {
  checkColumn(candidates, name, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
}

/** Rows of equal width, with a name for what they mean; or none. */
function checkFeatures({ length }: Uint8Array, schema: string, count: number): void {
  if (length === 0) return;
  if (count === 0 || length % (count * FEATURE_BYTES) !== 0)
    throw invalid(`features: ${length} bytes for ${count} rows of float32`);
  if (schema === '') throw invalid('feature_schema: is empty, but there are features');
}

const FEATURE_BYTES = Float32Array.BYTES_PER_ELEMENT;

function checkSubset(of: Candidates, items: Uint32Array, field: string): void {
  const missing = new Set(items);
  if (missing.size !== items.length) throw invalid(`${field}: an item stands twice`);
  for (const item of of.items) if (missing.delete(item) && missing.size === 0) return;
  for (const item of missing) throw invalid(`${field}: item ${item} was not in the request`);
}

/** Probabilities that sum to 1, and one arm that was taken. */
function checkDraw({ arms, chosen }: Exploration, at: string): void {
  if (chosen >= arms.length) throw invalid(`${at}.chosen: ${chosen} of ${arms.length} arms`);
  let sum = 0;
  for (const { probability } of arms) {
    if (!(probability >= 0 && probability <= 1)) throw invalid(`${at}.arms: a probability of ${probability}`);
    sum += probability;
  }
  if (!(arms[chosen].probability > 0)) throw invalid(`${at}.chosen: an arm of probability 0`);
  if (Math.abs(sum - 1) > PROBABILITY_SLACK) throw invalid(`${at}.arms: probabilities sum to ${sum}`);
}

/** What rounding to float32 may take from or add to a sum of probabilities. */
const PROBABILITY_SLACK = 1e-4;

/** The contracts of all services; the checks are what a client refuses as RESPONSE_INVALID on either transport. */
export const contracts = {
  stage: contract(StageServiceService, {}),

  candidates: contract(CandidatesServiceService, {
    retrieve: {
      context: true,
      request: ['seeds', 'excluded'],
      response: ['candidates'],
      check: (request, { candidates }) => {
        if (candidates.count > request.limit)
          throw invalid(`candidates: ${candidates.count} rows; the limit was ${request.limit}`);
        checkUnbounded(candidates, Columns.rrf);
      },
    },
  }),

  filtering: contract(FilteringServiceService, {
    filter: {
      context: true,
      request: ['candidates', 'excluded'],
      response: ['candidates', 'removed'],
      check: ({ candidates }, { candidates: kept, removed }) => {
        checkUnbounded(removed, Columns.removalReason);
        let k = 0;
        let r = 0;
        for (const item of candidates.items) {
          if (k < kept.count && kept.items[k] === item) k++;
          else if (r < removed.count && removed.items[r] === item) r++;
          else throw invalid(`item ${item} is neither kept nor removed, or out of order`);
        }
        if (k !== kept.count || r !== removed.count)
          throw invalid('items that were not in the request, or out of order');
      },
    },
  }),

  ranking: contract(RankingServiceService, {
    rank: {
      context: true,
      request: ['candidates'],
      response: ['candidates'],
      check: ({ candidates }, { candidates: ranked, features, featureSchema }) => {
        if (ranked.count !== candidates.count)
          throw invalid(`candidates: ${ranked.count} rows for ${candidates.count}`);
        for (let i = 0; i < ranked.count; i++) {
          if (ranked.items[i] !== candidates.items[i])
            throw invalid(`candidates: row ${i} is another item than in the request`);
        }
        checkUnbounded(ranked, Columns.ranking);
        checkFeatures(features, featureSchema, ranked.count);
      },
    },
  }),

  reranking: contract(RerankingServiceService, {
    rerank: {
      context: true,
      request: ['candidates'],
      response: ['candidates'],
      check: (request, { candidates: slate, exploration }) => {
        if (slate.count > request.limit)
          throw invalid(`candidates: ${slate.count} rows; the limit was ${request.limit}`);
        checkSubset(request.candidates, slate.items, 'candidates');
        checkUnbounded(slate, Columns.reranking);
        checkColumn(slate, Columns.propensity, Number.MIN_VALUE, 1);
        for (const [i, draw] of exploration.entries()) checkDraw(draw, `exploration[${i}]`);
      },
    },
  }),

  features: contract(FeaturesServiceService, {
    watchItemCounters: { response: ['counters'] },
    upsertItems: { role: 'operate' },
    deleteItems: { role: 'operate' },
    block: { role: 'operate' },
    unblock: { role: 'operate' },
  }),
  logging: contract(LoggingServiceService, {
    subscribe: { role: 'raw' },
    getDecision: { role: 'raw' },
    commit: { role: 'operate' },
    forgetUser: { role: 'operate' },
    getForgetStatus: { role: 'operate' },
  }),
  privacy: contract(PrivacyServiceService, {
    queryPrivate: { role: 'analyse' },
    getBudget: { role: 'analyse' },
  }),
  orchestrator: contract(OrchestratorServiceService, {
    getDecision: { role: 'raw' },
    forgetUser: { role: 'operate' },
    getForgetStatus: { role: 'operate' },
  }),
};

export type StageService = Service<typeof StageServiceService>;
export type CandidatesService = Service<typeof CandidatesServiceService>;
export type FilteringService = Service<typeof FilteringServiceService>;
export type RankingService = Service<typeof RankingServiceService>;
export type RerankingService = Service<typeof RerankingServiceService>;
export type FeaturesService = Service<typeof FeaturesServiceService>;
export type LoggingService = Service<typeof LoggingServiceService>;
export type PrivacyService = Service<typeof PrivacyServiceService>;
export type OrchestratorService = Service<typeof OrchestratorServiceService>;
