import { afterEach, describe, expect, test } from 'vitest';
import { Code } from '../../../common/errors.ts';
import { type Call, rootCall } from '../../../common/rpc/call.ts';
import type { Contract } from '../../../common/rpc/contract.ts';
import { expectRefusal, refusal, type Target } from '../target.ts';
import { call } from '../world.ts';

/** How a suite asks for an ordinary answer. */
export interface Probe {
  // biome-ignore lint/suspicious/noExplicitAny: contracts of any service
  readonly contract: Contract<any>;
  /** The unary method that the boundary is tried with, as `rank`. */
  readonly method: string;
  /** A request that is answered. */
  ask(call: Call): Promise<unknown>;
}

/**
 * What every service does at its edge, whatever it is for; after each refusal the next call is served. In memory no bytes travel,
 * and there is less of an edge.
 */
export function boundarySuite(target: Target<unknown>, { contract, method, ask }: Probe): void {
  const { wire } = target;
  const { path } = contract.methods[method];

  describe('the boundary', () => {
    afterEach(async () => {
      await ask(call());
    });

    test('a call whose deadline has passed is DEADLINE_EXCEEDED', async () => {
      const late = { ...rootCall(), deadlineMs: Date.now() - 1 };
      await expectRefusal(target, ask(late), Code.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED');
    });

    test('a call that was cancelled is CANCELLED', async () => {
      const cancelled = rootCall({ signal: AbortSignal.abort(), timeoutMs: 1_000 });
      await expectRefusal(target, ask(cancelled), Code.CANCELLED, 'CANCELLED');
    });

    if (wire === undefined) return;

    test('a method that it does not have is UNIMPLEMENTED', async () => {
      const answer = wire.send(`${path}AndMore`, Buffer.alloc(0));
      await expectRefusal(target, answer, Code.UNIMPLEMENTED, 'METHOD_UNKNOWN');
    });

    test('a request of 5 MB is RESOURCE_EXHAUSTED', async () => {
      const answer = wire.send(path, Buffer.alloc(5 * 1024 * 1024));
      await expectRefusal(target, answer, Code.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE');
    });

    test('bytes that are no message are refused', async () => {
      const error = await refusal(wire.send(path, Buffer.from([0xff, 0xff, 0xff])));
      if (!target.foreign)
        expect([error.code, error.reason]).toEqual([Code.INVALID_ARGUMENT, 'MESSAGE_MALFORMED']);
    });

    test('health says SERVING by the name of the service', async () => {
      expect(await wire.health(contract.name)).toBe('SERVING');
    });

    test('reflection lists the service', async () => {
      expect(await wire.services()).toContain(contract.name);
    });
  });
}
