import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { rootCall } from '../../common/rpc/call.ts';
import { type ExplainResponse, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { hintLines } from './demo/hints.ts';
import { favourites, openAndAsk } from './demo/learning.ts';
import { demoPeople, type Person } from './demo/people.ts';
import { type Demo, startDemo } from './demo/running.ts';
import { Steps } from './demo/steps.ts';
import { traceLines } from './demo/trace.ts';
import { DEMO_USERS } from './demo/world.ts';
import { FrontDoor } from './front-door.ts';
import { degradedLine, explainedLines, outcomesLine } from './slate-lines.ts';

const SHOWN = 6;
/** Films that the newcomer opens before asking again. */
const OPENED = 3;
const USERS_MIN = 100;
const USERS_MAX = 100_000;
const TIMEOUT_MS = 5_000;
/** Calls before the traced one, so that it shows running code rather than code being compiled. */
const WARM_UP_CALLS = 100;

interface DemoOptions {
  readonly once?: boolean;
  readonly users: number;
}

/** `millrace demo`: a whole recommender on a simulated audience, from nothing. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('make a world of films and people, train on it, serve it, and show what it recommends')
    .option('--once', 'end after showing instead of serving until Ctrl-C')
    .option('--users <n>', 'how many people the world has', userCount, DEMO_USERS)
    .action(demo);
}

async function demo({ once = false, users }: DemoOptions): Promise<void> {
  print(pc.bold('\nMillrace'), pc.dim('a multi-stage recommender, from nothing to an answer\n'));
  const steps = new Steps();
  await using running = await startDemo(steps, users);
  const interrupted = untilSignal();
  using door = new FrontDoor(running.config, running.address);
  const people = demoPeople(running.world);
  for (const person of people) await showPerson(door, person);
  await showLearning(door, running, people[0]);
  await showTrace(door, running, people);
  print(pc.dim(`\n${steps.seconds.toFixed(1)} s in all. State: ${running.home} (removed at the end)\n`));
  for (const line of hintLines(running.address, people[2].id)) print(line);
  if (!once) {
    print(pc.dim('\nServing until Ctrl-C.'));
    await interrupted;
  }
}

async function showPerson(door: FrontDoor, { id, kind, past }: Person): Promise<void> {
  const request = requestOf(id);
  const answer = await door.orchestrator.explain({ request }, rootCall({ timeoutMs: TIMEOUT_MS }));
  print(`\n${pc.bold(pc.magenta(kind))} ${id} ${pc.dim(past)}`);
  await showAnswer(door, answer);
}

async function showLearning(door: FrontDoor, { world }: Demo, { id, kind }: Person): Promise<void> {
  const films = favourites(world, id, OPENED);
  const answer = await openAndAsk(door.orchestrator, requestOf(id), films);
  const titles = films.map(({ title }) => title).join(', ');
  print(
    `\n${pc.bold(pc.magenta(`the same ${kind}`))} ${id} ${pc.dim(`now opens ${titles}, and asks again`)}`,
  );
  await showAnswer(door, answer);
}

async function showAnswer(door: FrontDoor, answer: ExplainResponse): Promise<void> {
  const items = await door.items(answer.response?.items.map(({ itemId }) => itemId) ?? []);
  for (const line of explainedLines(answer, items)) print(`  ${line}`);
  print(pc.dim(`  candidates: ${outcomesLine(answer)}`));
  const degraded = answer.response && degradedLine(answer.response);
  if (degraded !== undefined) print(`  ${degraded}`);
}

function requestOf(userId: string): RecommendRequest {
  return RecommendRequest.fromPartial({ userId, limit: SHOWN });
}

async function showTrace(
  { orchestrator }: FrontDoor,
  { spans, world }: Demo,
  people: readonly Person[],
): Promise<void> {
  const { users } = world.audience;
  const ask = (userId: string): Promise<unknown> =>
    orchestrator.recommend(requestOf(userId), rootCall({ timeoutMs: TIMEOUT_MS }));
  for (let i = 0; i < WARM_UP_CALLS; i++) await ask(users[i % users.length].id);
  const heavy = people[people.length - 1];
  const trace = await spans.during(() => ask(heavy.id));
  print(`\n${pc.bold('where the time goes')} ${pc.dim(`one Recommend for ${heavy.id}, over a socket`)}`);
  for (const line of traceLines(trace)) print(`  ${line}`);
}

/** Answers at the first SIGINT or SIGTERM; a second one ends the process as usual. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function userCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < USERS_MIN || value > USERS_MAX)
    throw new InvalidArgumentError(`expected a whole number from ${USERS_MIN} to ${USERS_MAX}`);
  return value;
}

function print(...parts: string[]): void {
  process.stdout.write(`${parts.join(' ')}\n`);
}
