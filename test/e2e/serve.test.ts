import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { asMillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type OrchestratorService } from '../../common/rpc/services.ts';
import { FeedbackEvent, RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { runCli } from '../support/cli.ts';
import { untilServing } from '../support/health.ts';
import { readEvents } from '../support/logged-events.ts';
import { freeAddresses, type Running, spawnMillrace } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

const TIMEOUT_MS = 120_000;
vi.setConfig({ testTimeout: TIMEOUT_MS });
const CALL_TIMEOUT_MS = 10_000;
const SENDERS = 8;
const ACKNOWLEDGED_MIN = 50;

let folder: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  folder = await temporaryHome();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Writes the home's `millrace.yaml`. */
function configure(yaml: string): Promise<void> {
  return writeFile(join(folder.home, 'millrace.yaml'), yaml);
}

describe('millrace serve all', () => {
  test('answers, and on SIGTERM ends with 0 and keeps all feedback that it acknowledged', async () => {
    await makeTinyHome(folder.home);
    const { orchestrator: address } = await freeAddresses();
    await configure(`addresses: { orchestrator: "${address}" }`);
    const running = spawnMillrace(['serve', 'all'], { MILLRACE_HOME: folder.home });
    using channel = new Channel(address);
    try {
      await Promise.race([untilServing(address, TIMEOUT_MS), failWhenEnded(running)]);
      const door = channel.client(contracts.orchestrator);
      const { items } = await door.recommend(RecommendRequest.fromPartial({ userId: 'user-3' }), call());
      expect(items).toHaveLength(20);

      const acknowledged = await sendUntilItEnds(door, () => running.child.kill('SIGTERM'));
      await running.ended;
      expect([running.child.exitCode, running.child.signalCode]).toEqual([0, null]);
      const logged = new Set<string>();
      for await (const { event } of readEvents(join(folder.home, 'log'))) logged.add(event.eventId);
      expect(acknowledged.length).toBeGreaterThanOrEqual(ACKNOWLEDGED_MIN);
      expect(acknowledged.filter((id) => !logged.has(id))).toEqual([]);
    } finally {
      running.child.kill('SIGKILL');
    }
  });

  test.for([
    ['orchestrator: { deadlineMs: soon }', 'orchestrator.deadlineMs'],
    ['addresses: { orchestrator: nowhere }', 'addresses.orchestrator'],
    ['orchestrater: {}', 'unknown section orchestrater'],
    ['orchestrator: [', 'millrace.yaml'],
  ])('%s ends it with 2 and a line that says %s', async ([yaml, said]) => {
    await configure(yaml);
    const { code, stdout, stderr } = await runCli(['serve', 'all'], folder.home);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain('    at ');
  });

  test('a port in use ends it with 2 and is named', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await configure(`addresses: { orchestrator: "127.0.0.1:${port}" }`);
    const { code, stderr } = await runCli(['serve', 'all'], folder.home);
    other.close();
    expect([code, stderr]).toEqual([
      2,
      `addresses.orchestrator: 127.0.0.1:${port} is in use by another program\n`,
    ]);
  });

  test('an unknown service is refused with the names of those that there are', async () => {
    const { code, stderr } = await runCli(['serve', 'everything'], folder.home);
    expect(code).toBe(1);
    expect(stderr).toContain('Allowed choices are all, orchestrator, candidates');
  });
});

function call(): ReturnType<typeof rootCall> {
  return rootCall({ timeoutMs: CALL_TIMEOUT_MS });
}

async function failWhenEnded(running: Running): Promise<never> {
  await running.ended;
  throw new Error(`millrace serve all ended: ${running.stderr()}`);
}

/** Sends feedback from several senders until it is refused, and calls `end` in the midst of it; answers the ids acknowledged. */
async function sendUntilItEnds(door: OrchestratorService, end: () => void): Promise<string[]> {
  const acknowledged: string[] = [];
  const send = async (sender: number): Promise<void> => {
    for (let number = 0; ; number++) {
      const eventId = `sent-${sender}-${number}`;
      const event = { eventId, userId: `user-${sender}`, itemId: `item-${number % 100}` };
      const events = [FeedbackEvent.fromPartial({ ...event, action: Action.ACTION_VIEW })];
      const refusal = await door.recordFeedback({ events }, call()).then(() => undefined, asMillraceError);
      if (refusal !== undefined) return;
      if (acknowledged.push(eventId) === ACKNOWLEDGED_MIN) end();
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, (_, sender) => send(sender)));
  return acknowledged;
}
