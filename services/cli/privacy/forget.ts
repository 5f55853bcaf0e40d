import type { Command } from 'commander';
import pc from 'picocolors';
import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import type { ForgetStatus } from '../../../gen/millrace/logging/v1/logging.ts';
import { FrontDoor } from '../front-door.ts';
import { ProgressBars } from '../progress-bar.ts';
import { tableLines } from '../table.ts';

const TIMEOUT_MS = 10_000;
const LOOK_MS = 200;

/** `forget` and `forget-status`. */
export function addForgetCommands(privacy: Command): void {
  privacy
    .command('forget')
    .description('forget a person in every store of a running Millrace')
    .argument('<user>', 'id of the user')
    .option('--wait', 'until nothing is pending, or the deadline has passed: exit code 1 then')
    .action(forget);
  privacy
    .command('forget-status')
    .description('how far requests to forget people are')
    .argument('[user]', 'the latest request about this user; default: every request')
    .option('--json', 'one JSON object a request')
    .action(forgetStatus);
}

async function forget(userId: string, { wait }: { wait?: true }): Promise<void> {
  using door = openDoor();
  const { status } = await door.orchestrator.forgetUser({ userId }, rootCall({ timeoutMs: TIMEOUT_MS }));
  if (status === undefined) throw new Error('the front door answered no status');
  const last = wait ? await untilDone(door, userId, status) : status;
  for (const line of statusLines(last)) print(line);
  if (wait && !last.done) process.exitCode = 1;
}

async function untilDone(door: FrontDoor, userId: string, first: ForgetStatus): Promise<ForgetStatus> {
  const bars = new ProgressBars();
  let status = first;
  try {
    while (!status.done && Date.now() <= status.deadlineMs) {
      await pause(LOOK_MS);
      status = (await statusesOf(door, userId))[0] ?? status;
      bars.progress(
        'forgetting',
        status.stores.filter(({ doneMs }) => doneMs > 0).length,
        status.stores.length,
      );
    }
  } finally {
    bars.end();
  }
  return status;
}

async function forgetStatus(userId: string | undefined, { json }: { json?: true }): Promise<void> {
  using door = openDoor();
  const statuses = await statusesOf(door, userId ?? '');
  if (json) for (const status of statuses) print(JSON.stringify(status));
  else if (statuses.length === 0)
    print(userId === undefined ? 'nobody asked yet' : 'there is no request about this user');
  else for (const status of statuses) for (const line of statusLines(status)) print(line);
}

async function statusesOf(door: FrontDoor, userId: string): Promise<ForgetStatus[]> {
  const { statuses } = await door.orchestrator.getForgetStatus(
    { userId },
    rootCall({ timeoutMs: TIMEOUT_MS }),
  );
  return statuses;
}

function openDoor(): FrontDoor {
  return new FrontDoor(new ConfigSource());
}

function statusLines({ requestId, requestedMs, deadlineMs, done, stores }: ForgetStatus): string[] {
  const isOverdue = !done && Date.now() > deadlineMs;
  const state = done ? pc.green('done') : isOverdue ? pc.red('OVERDUE') : pc.yellow('pending');
  const rows = stores.map(({ store, doneMs, detail }) => [
    store,
    doneMs > 0 ? new Date(doneMs).toISOString() : 'pending',
    detail,
  ]);
  const columns = [{ title: 'store' }, { title: 'done' }, { title: 'what' }];
  return [
    `request ${requestId} of ${new Date(requestedMs).toISOString()}, deadline ${new Date(deadlineMs).toISOString()}: ${state}`,
    ...tableLines(columns, rows, pc.bold),
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
