import { afterAll, describe, test } from 'vitest';
import { pause } from '../../common/clock.ts';
import type { Contract, GeneratedService, Service } from '../../common/rpc/contract.ts';
import { contracts } from '../../common/rpc/services.ts';
import { createCandidates } from '../../services/candidates/server.ts';
import { createFiltering } from '../../services/filtering/server.ts';
import { createRanking } from '../../services/ranking/server.ts';
import { createReranking } from '../../services/reranking/server.ts';
import { FOREIGN_RANKERS, type ForeignRanker, missingFor, startForeign } from './foreign/start.ts';
import { sameBits } from './same-bits.ts';
import { candidatesRequests, candidatesSuite } from './suites/candidates.ts';
import { featuresRequests, featuresSuite } from './suites/features.ts';
import { filteringRequests, filteringSuite } from './suites/filtering.ts';
import { loggingSuite } from './suites/logging.ts';
import { rankingRequests, rankingSuite } from './suites/ranking.ts';
import { rerankingRequests, rerankingSuite } from './suites/reranking.ts';
import { foreignTarget, ownTargets, type Target } from './target.ts';
import { call, untilReady, World } from './world.ts';

const { TARGET, STAGE } = process.env;
const world = await World.open();
const closing: (() => PromiseLike<void>)[] = [() => world[Symbol.asyncDispose]()];

afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

const SUITES: Readonly<Record<string, () => void>> = {
  candidates: () => candidatesSuite(theirs(contracts.candidates)),
  filtering: () => filteringSuite(theirs(contracts.filtering)),
  ranking: () => rankingSuite(theirs(contracts.ranking)),
  reranking: () => rerankingSuite(theirs(contracts.reranking)),
  features: () => featuresSuite(theirs(contracts.features)),
  logging: () => loggingSuite(theirs(contracts.logging)),
};

if (TARGET === undefined) {
  await ownSuites();
  for (const ranker of FOREIGN_RANKERS) await foreignSuite(ranker);
} else {
  const suite = SUITES[STAGE ?? ''];
  if (suite === undefined) throw new Error(`STAGE is to be one of ${Object.keys(SUITES).join(', ')}`);
  suite();
}

/** The stage under TARGET. */
function theirs<S extends GeneratedService>(contract: Contract<S>): Target<Service<S>> {
  return foreign(`${STAGE} at ${TARGET}`, TARGET as string, contract);
}

function foreign<S extends GeneratedService>(
  name: string,
  address: string,
  contract: Contract<S>,
): Target<Service<S>> {
  const target = foreignTarget(name, address, contract, world);
  closing.push(async () => target[Symbol.dispose]());
  return target;
}

/** A ranking stage that somebody else might have written. */
async function foreignSuite(ranker: ForeignRanker): Promise<void> {
  const missing = missingFor(ranker);
  if (missing !== undefined) {
    test(ranker, (context) => context.skip(missing));
    return;
  }
  const started = await startForeign(ranker);
  closing.push(() => started[Symbol.asyncDispose]());
  rankingSuite(foreign(ranker, started.address, contracts.ranking));
}

/** Every service of this project, in memory and over a socket. */
async function ownSuites(): Promise<void> {
  const { environment, catalogue } = world;
  const peers = { features: catalogue };
  const candidates = await own(
    'candidates',
    contracts.candidates,
    await createCandidates(environment, peers),
  );
  const filtering = await own('filtering', contracts.filtering, await createFiltering(environment, peers));
  const ranking = await own('ranking', contracts.ranking, await createRanking(environment, peers));
  const reranking = await own('reranking', contracts.reranking, await createReranking(environment, peers));
  const features = await targets('features', contracts.features, world.features);
  const logging = await targets('logging', contracts.logging, world.logging);

  describe('transports', () => {
    sameBits(candidates, candidatesRequests(world), (client, request) => client.retrieve(request, call()));
    sameBits(filtering, filteringRequests(world), (client, request) => client.filter(request, call()));
    sameBits(ranking, rankingRequests(world), (client, request) => client.rank(request, call()));
    sameBits(reranking, rerankingRequests(world), (client, request) => client.rerank(request, call()));
    sameBits(features, featuresRequests(world), (client, request) => client.getUserState(request, call()));
  });
  for (const target of both(candidates)) candidatesSuite(target);
  for (const target of both(filtering)) filteringSuite(target);
  for (const target of both(ranking)) rankingSuite(target);
  for (const target of both(reranking)) rerankingSuite(target);
  for (const target of both(features)) featuresSuite(target);
  for (const target of both(logging)) loggingSuite(target);
}

type Own<S extends GeneratedService> = Awaited<ReturnType<typeof ownTargets<S>>>;

function both<S>({ memory, socket }: { memory: Target<S>; socket: Target<S> }): Target<S>[] {
  return [memory, socket];
}

/** A stage that has been started here, once it knows the catalogue as it is. */
async function own<S extends GeneratedService>(
  name: string,
  contract: Contract<S>,
  component: Parameters<typeof ownTargets<S>>[2],
): Promise<Own<S>> {
  closing.push(() => component.close());
  await untilReady(component);
  const { epoch } = await world.catalogue.resolve({ itemIds: [], ordinals: [] }, call());
  while (((await component.stage?.listBundles({}, call()))?.catalogueEpoch ?? epoch) < epoch) await pause(10);
  return targets(name, contract, component);
}

async function targets<S extends GeneratedService>(
  name: string,
  contract: Contract<S>,
  component: Parameters<typeof ownTargets<S>>[2],
): Promise<Own<S>> {
  const made = await ownTargets(name, contract, component, world);
  closing.push(() => made[Symbol.asyncDispose]());
  return made;
}
