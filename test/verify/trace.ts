import { pause } from '../../common/clock.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { OneProcess } from '../support/one-process.ts';
import { type CollectedSpan, OtlpCollector } from '../support/otlp-collector.ts';
import { Processes } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import type { ProofOptions } from './proof.ts';

const ROOT = 'millrace.orchestrator.v1.OrchestratorService/Recommend';
/** The stages' calls in the order of the cascade. */
const STAGES = {
  features: 'millrace.features.v1.FeaturesService/GetUserState',
  candidates: 'millrace.candidates.v1.CandidatesService/Retrieve',
  filtering: 'millrace.filtering.v1.FilteringService/Filter',
  ranking: 'millrace.ranking.v1.RankingService/Rank',
  reranking: 'millrace.reranking.v1.RerankingService/Rerank',
} as const;
const Kind = { internal: 1, server: 2, client: 3 } as const;
const KIND_NAMES = ['', 'internal', 'server', 'client'];
const COLLECT_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/**
 * Collects the trace of one request over OTLP, from one process and from all services as processes of their own, and prints it as
 * a tree. Holds if every stage's span stands in the order of the cascade under the request's: directly in one process, under the
 * span of the orchestrator's call when split.
 */
export async function verifyTrace({ print }: Pick<ProofOptions, 'print'>): Promise<boolean> {
  await using folder = await temporaryHome();
  await makeTinyHome(folder.home);
  await using collector = await OtlpCollector.start();
  const env = { MILLRACE__TELEMETRY__OTLP_URL: collector.url };
  const faults: string[] = [];
  {
    await using one = await OneProcess.start(folder.home, env);
    const spans = await traceOfOne(one.address, collector, oneProcessFaults);
    print('in one process');
    printTree(spans, print);
    faults.push(...oneProcessFaults(spans));
  }
  {
    await using processes = await Processes.start({ home: folder.home, env });
    const spans = await traceOfOne(processes.addresses.orchestrator, collector, splitFaults);
    print('split');
    printTree(spans, print);
    faults.push(...splitFaults(spans));
  }
  for (const fault of faults) print(`  ${fault}`);
  return faults.length === 0;
}

/** Sends one request and waits until nothing is missing in its trace. */
async function traceOfOne(
  address: string,
  collector: OtlpCollector,
  faultsIn: (spans: readonly CollectedSpan[]) => string[],
): Promise<CollectedSpan[]> {
  collector.spans.length = 0;
  using channel = new Channel(address);
  const request = RecommendRequest.fromPartial({ userId: 'user-1' });
  await channel.client(contracts.orchestrator).recommend(request, rootCall({ timeoutMs: 10_000 }));
  const endMs = Date.now() + COLLECT_TIMEOUT_MS;
  for (;;) {
    const root = collector.spans.find(({ name }) => name === ROOT);
    const spans = collector.spans.filter(({ traceId }) => traceId === root?.traceId);
    if (faultsIn(spans).length === 0 || Date.now() > endMs) return spans;
    await pause(POLL_MS);
  }
}

function oneProcessFaults(spans: readonly CollectedSpan[]): string[] {
  const root = spans.find(({ name }) => name === ROOT);
  if (root?.kind !== Kind.server || root.parentSpanId !== '') return [`${ROOT} is not the root`];
  const calls = Object.values(STAGES).map((name) =>
    spans.find((span) => span.name === name && span.parentSpanId === root.spanId),
  );
  const faults = Object.values(STAGES)
    .filter((_, i) => calls[i] === undefined)
    .map((name) => `${name} is not under the request`);
  const begun = calls.map((call) => call?.startNs ?? 0n);
  if (begun.some((startNs, i) => i > 0 && startNs < begun[i - 1]))
    faults.push('not in the order of the cascade');
  return faults;
}

function splitFaults(spans: readonly CollectedSpan[]): string[] {
  const faults = oneProcessFaults(spans);
  for (const [stage, name] of Object.entries(STAGES)) {
    const call = spans.find((span) => span.name === name && span.kind === Kind.client);
    const work = spans.find((span) => span.name === name && span.kind === Kind.server);
    if (call?.service !== 'millrace-orchestrator') faults.push(`${name}: no call by the orchestrator`);
    if (work?.service !== `millrace-${stage}`) faults.push(`${name}: no work in millrace-${stage}`);
    if (call === undefined || work?.parentSpanId !== call.spanId)
      faults.push(`${name}: the work is not under the call`);
  }
  return faults;
}

function printTree(spans: readonly CollectedSpan[], print: (line: string) => void): void {
  const visit = (parent: string, depth: number): void => {
    const children = spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .sort((a, b) => (a.startNs < b.startNs ? -1 : 1));
    for (const { spanId, name, kind, service, startNs, endNs } of children) {
      const ms = (Number(endNs - startNs) / 1e6).toFixed(2).padStart(8);
      print(`${ms} ms  ${'  '.repeat(depth)}${name}  (${KIND_NAMES[kind]}, ${service})`);
      visit(spanId, depth + 1);
    }
  };
  visit('', 0);
}
