import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import {
  type ExplainResponse,
  RecommendRequest,
  type RecommendResponse,
  SimilarItemsRequest,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { FrontDoor } from './front-door.ts';
import { degradedLine, explainedLines, outcomesLine, slateLines } from './slate-lines.ts';
import { wholeNumber } from './whole-number.ts';

const LIMIT_DEFAULT = 10;
const TIMEOUT_MS = 5_000;

interface AskOptions {
  readonly limit: number;
  readonly similar?: string;
  readonly explain?: boolean;
  readonly json?: boolean;
  readonly failDegraded?: boolean;
  readonly address?: string;
}

/** `millrace ask USER`: what a running Millrace recommends, for people to read. */
export function askCommand(): Command {
  return new Command('ask')
    .description('ask a running Millrace what it recommends to a user')
    .argument('<user>', 'id of the user; an unknown one gets what a newcomer gets')
    .option('-l, --limit <n>', 'how many items', wholeNumber, LIMIT_DEFAULT)
    .option('-s, --similar <item>', 'items like this one, without those that the user has seen')
    .option('-e, --explain', 'with the rank in each source and every stage’s score; nothing is logged')
    .option('--json', 'the response as JSON')
    .option('--fail-degraded', 'an answer that is worse than it should be ends with exit code 1')
    .option('-a, --address <host:port>', 'the front door (default: addresses.orchestrator)')
    .action(ask);
}

async function ask(userId: string, options: AskOptions): Promise<void> {
  using door = new FrontDoor(new ConfigSource(), options.address);
  const answer = await answerOf(door, userId, options);
  const response = 'candidates' in answer ? answer.response : answer;
  if (options.failDegraded && response !== undefined && response.degraded.length > 0) process.exitCode = 1;
  if (options.json || response === undefined) {
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const items = await door.items(response.items.map(({ itemId }) => itemId));
  const lines =
    'candidates' in answer
      ? [...explainedLines(answer, items), '', pc.dim(`candidates: ${outcomesLine(answer)}`)]
      : slateLines(response, items);
  const degraded = degradedLine(response);
  if (degraded !== undefined) lines.push(degraded);
  lines.push(pc.dim(`request ${response.requestId}, bundle ${response.bundle}`));
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function answerOf(
  { orchestrator }: FrontDoor,
  userId: string,
  { limit, similar, explain }: AskOptions,
): Promise<RecommendResponse | ExplainResponse> {
  const call = rootCall({ timeoutMs: TIMEOUT_MS });
  if (similar !== undefined) {
    if (explain) throw new InvalidArgumentError('--explain does not go with --similar');
    const request = SimilarItemsRequest.fromPartial({ userId, itemId: similar, limit });
    return (await orchestrator.similarItems(request, call)).response as RecommendResponse;
  }
  const request = RecommendRequest.fromPartial({ userId, limit });
  return explain ? orchestrator.explain({ request }, call) : orchestrator.recommend(request, call);
}
